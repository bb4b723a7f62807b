"""What can be wrong with a recipe whose every setting is right: parts that don't go together. No data is needed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from recipeline.catalog import Catalog
from recipeline.errors import Problem, RecipeError, RecipelineError
from recipeline.families.loss import Loss
from recipeline.families.metric import Metric
from recipeline.families.optimizer import Optimizer
from recipeline.families.plugin import Plugin, means
from recipeline.families.preprocessing import TargetTokens, TargetTransform
from recipeline.families.regularization import Regularization
from recipeline.families.spec import Task
from recipeline.nearest import did_you_mean
from recipeline.recipe.defaults import METRICS
from recipeline.recipe.model import Recipe
from recipeline.recipe.node import Path, dotted
from recipeline.recipe.schema_view import either

ALWAYS_LOGGED = ("train/loss", "val/loss", "lr")
"""The metrics of every run that may be watched, besides `val/<metric>`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Two parts of a recipe that don't go together, and at which of them to look."""

    path: Path
    message: str
    suggestion: str | None = None
    found: str | None = None


def check(recipe: Recipe, catalog: Catalog, task: Task | None = None) -> list[Finding]:
    """Everything in the recipe that contradicts another part of it.

    Args:
        recipe: Settings that are right one by one.
        catalog: The installed plugins, for advice.
        task: What the data has shown the task to be, where the recipe says `auto`.
    """
    known: Task | None = task or (None if recipe.data.task == "auto" else recipe.data.task)
    return [
        *_tasks(recipe, known, catalog),
        *_monitors(recipe, known, catalog),
        *_needs(recipe),
        *_taken_over(recipe),
        *_doubles(recipe),
        *_targets(recipe, known),
        *_sequences(recipe, known),
        *_losses(recipe, known, catalog),
        *_closures(recipe),
        *_automatic_batch(recipe),
        *_overlap(recipe),
        *_registered(recipe),
    ]


def check_task(recipe: Recipe, catalog: Catalog, task: Task) -> None:
    """Check a recipe again when the data has shown the task that it left open.

    Raises:
        RecipeError: a loss, metric, report or step isn't made for this task; or a monitored metric isn't there.
    """
    findings = check(recipe, catalog, task)
    if findings:
        raise RecipeError(
            *(Problem(f.message, path=dotted(f.path), suggestion=f.suggestion, found=f.found) for f in findings)
        )


def _registered(recipe: Recipe) -> Iterator[Finding]:
    """A name that MLflow's registry would refuse, after the training."""
    name = recipe.tracking.register_as
    if name is not None and (not name.strip() or "/" in name or ":" in name):
        yield Finding(
            ("tracking", "register_as"),
            "the name of a registered model is a text without '/' and ':'",
            found=repr(recipe.redact(name)),
        )


def named(recipe: Recipe) -> Iterator[tuple[Path, Plugin]]:
    """Every plugin of the recipe with its path, in the order in which a run meets them; inner ones after theirs."""
    for path, plugin in _named(recipe):
        yield from _with_nested(path, plugin)


def _with_nested(path: Path, plugin: Plugin) -> Iterator[tuple[Path, Plugin]]:
    yield path, plugin
    for place, inner in plugin.inner_plugins():
        steps = tuple(int(step) if step.isdecimal() else step for step in place.split("."))
        yield from _with_nested((*path, *steps), inner)


def _named(recipe: Recipe) -> Iterator[tuple[Path, Plugin]]:
    yield ("data", "source"), recipe.data.source
    if recipe.data.split is not None:
        yield ("data", "split"), recipe.data.split
    yield from _entries("preprocessing", recipe.preprocessing)
    yield ("architecture",), recipe.architecture
    for key, plugin in (("loss", recipe.loss), ("optimizer", recipe.optimizer), ("scheduler", recipe.scheduler)):
        if plugin is not None:
            yield (key,), plugin
    yield from _entries("regularization", recipe.regularization)
    yield from _entries("metrics", recipe.metrics)
    yield from _entries("reports", recipe.reports)


def _entries(key: str, plugins: Sequence[Plugin] | None) -> Iterator[tuple[Path, Plugin]]:
    for index, plugin in enumerate(plugins or ()):
        yield (key, index), plugin


def _tasks(recipe: Recipe, task: Task | None, catalog: Catalog) -> Iterator[Finding]:
    """Losses, metrics and reports that are made for other tasks."""
    if task is None:
        return
    for path, plugin in named(recipe):
        tasks: set[str] = set(getattr(plugin, "tasks", ()))
        if tasks and not _suits(tasks, task):
            others = _made_for(plugin.family, task, catalog)
            who = f"the {plugin.family} '{plugin.plugin_name}'"
            yield Finding(
                path,
                f"{who} is made for {either(sorted(tasks))}, and the task is {task}",
                suggestion=f"For {task} there {'is' if len(others) == 1 else 'are'}: {', '.join(others)}."
                if others
                else None,
            )
        elif reason := plugin.refuses(task):
            yield Finding(path, f"{reason}, and the task is {task}")


def _made_for(family: str, task: str, catalog: Catalog) -> list[str]:
    """The plugins of a family that are made for a task. Loads the family: an error is the one time for it."""
    found = []
    for name in catalog.names(family):
        try:
            cls = catalog.entry(family, name).load()
        except RecipeError:
            continue
        if _suits(getattr(cls, "tasks", ()), task):
            found.append(name)
    return found


def _suits(tasks: Collection[str], task: str) -> bool:
    """Whether what is made for these tasks is right for this one: a forecast is a regression on past values."""
    return task in tasks or (task == "forecasting" and "regression" in tasks)


def _monitors(recipe: Recipe, task: Task | None, catalog: Catalog) -> Iterator[Finding]:
    """Watched metrics that nobody will measure."""
    defaults = METRICS[task] if task is not None else {name for names in METRICS.values() for name in names}
    names = {metric.plugin_name for metric in recipe.metrics} if recipe.metrics is not None else set(defaults)
    measured = [*ALWAYS_LOGGED, *sorted(f"val/{name}" for name in names)]
    no_validation = recipe.data.split is not None and not recipe.data.split.has("validation")
    for path, plugin, watched in _watched(recipe):
        who = f"'{plugin.plugin_name}'" if plugin is not None else "training.monitor"
        if watched.startswith("test/"):
            yield Finding(
                path,
                f"{who} watches {watched!r}: what the test part says must not steer the training",
                suggestion=f"Watch 'val/{watched[5:]}'.",
            )
        elif reason := _unmeasurable(watched, recipe, catalog):
            others = [name for name in measured if name not in (watched, "train/loss", "lr")]
            yield Finding(
                path,
                f"{who} watches {watched!r}, which can't be measured on the rows of the source "
                f"'{recipe.data.source.plugin_name}' as it is set: {reason}",
                suggestion=f"Watch {either([repr(name) for name in others])}." if others else None,
            )
        elif watched not in measured:
            bare = watched.removeprefix("val/")
            installed = watched.startswith("val/") and (("metric", bare) in catalog.entries)
            yield Finding(
                path,
                f"{who} watches {watched!r}, which this recipe doesn't measure",
                suggestion=f"Add '{bare}' to metrics."
                if installed
                else did_you_mean(watched, measured) or f"It measures: {', '.join(measured)}.",
            )
        elif watched.startswith("val/") and no_validation and "validation" not in getattr(plugin, "requires", ()):
            assert recipe.data.split is not None
            yield Finding(
                path,
                f"{who} watches {watched!r}, and the split '{recipe.data.split.plugin_name}' makes no validation part",
                suggestion="Give the validation part a share, or watch 'train/loss'.",
            )


def _unmeasurable(watched: str, recipe: Recipe, catalog: Catalog) -> str | None:
    """Why a metric that the recipe doesn't name has no value on its rows; None where it has one, or isn't there."""
    name = watched.removeprefix("val/")
    named_itself = any(metric.plugin_name == name for metric in recipe.metrics or ())  # which is told by `_needs`
    if named_itself or ("metric", name) not in catalog.entries:
        return None
    try:
        cls = catalog.find(Metric, name)
    except RecipelineError:  # two of that name, or one that fails to import
        return None
    against = next((other for other in sorted(cls.conflicts) if means(other, recipe.data.source)), None)
    return None if against is None else cls.reasons.get(against, f"it can't be used together with {against}")


def _watched(recipe: Recipe) -> Iterator[tuple[Path, Plugin | None, str]]:
    for path, plugin in named(recipe):
        monitors = getattr(plugin, "monitors", None)
        watched = monitors() if callable(monitors) else None
        if isinstance(watched, str):
            yield (*path, "monitor"), plugin, watched
    if recipe.training.monitor is not None:
        yield ("training", "monitor"), None, recipe.training.monitor


def _needs(recipe: Recipe) -> Iterator[Finding]:
    """What plugins declare: `requires` and `conflicts`."""
    plugins = list(named(recipe))
    present = {f"{plugin.family}.{plugin.plugin_name}" for _, plugin in plugins}
    families = {plugin.family for _, plugin in plugins}
    for path, plugin in plugins:
        for wanted in sorted(plugin.requires):
            if wanted == "validation":
                split = recipe.data.split
                if split is not None and not split.has("validation"):
                    yield Finding(
                        path,
                        f"'{plugin.plugin_name}' needs a validation part; the split '{split.plugin_name}' makes none",
                        suggestion=f"Give the validation part a share, or remove '{plugin.plugin_name}'.",
                    )
            elif wanted.startswith("training."):
                yield from _training(recipe, path, plugin, wanted)
            elif wanted not in present and wanted not in families:
                family, _, name = wanted.partition(".")
                yield Finding(
                    path,
                    f"'{plugin.plugin_name}' needs the {family} {name!r}, which the recipe doesn't have"
                    if name
                    else f"'{plugin.plugin_name}' needs a {family}, and the recipe names none",
                )
        for other in sorted(plugin.conflicts):
            family, name, *setting = other.split(".")
            if family == "training":
                yield from _not_training(recipe, plugin, other)
            elif not setting and other in present:
                yield Finding(
                    path,
                    f"'{plugin.plugin_name}' can't be used together with the {family} '{name}'{_why(plugin, other)}",
                    suggestion="Remove one of them.",
                )
            elif setting and any(means(other, each) for _, each in plugins):
                yield Finding(
                    path,
                    f"'{plugin.plugin_name}' can't be used together with '{setting[0]}' of the {family} '{name}'"
                    f"{_why(plugin, other)}",
                    suggestion="Remove one of them.",
                )


def _why(plugin: Plugin, declared: str) -> str:
    return f": {plugin.reasons[declared]}" if declared in plugin.reasons else ""


def _training(recipe: Recipe, path: Path, plugin: Plugin, wanted: str) -> Iterator[Finding]:
    """A setting of the training that a plugin can't do without, as `training.batch_size=full`."""
    setting, _, value = wanted.removeprefix("training.").partition("=")
    found = getattr(recipe.training, setting, None)
    if str(found) != value:
        yield Finding(
            path,
            f"'{plugin.plugin_name}' needs training.{setting}: {value}, and it is {found}{_why(plugin, wanted)}",
            suggestion=f"Write training: {{{setting}: {value}}}, or choose another {plugin.family}.",
        )


def _not_training(recipe: Recipe, plugin: Plugin, refused: str) -> Iterator[Finding]:
    """A setting of the training that a plugin can't live with, as `training.batch_size=1`."""
    setting, _, value = refused.removeprefix("training.").partition("=")
    if str(getattr(recipe.training, setting, None)) == value:
        yield Finding(
            ("training", setting),
            f"'{plugin.plugin_name}' can't be used with training.{setting}: {value}{_why(plugin, refused)}",
            suggestion=f"Take another {setting}, or remove '{plugin.plugin_name}'.",
        )


def _taken_over(recipe: Recipe) -> Iterator[Finding]:
    """An optimizer that is there for a penalty, and no penalty."""
    optimizer = recipe.optimizer
    if optimizer is None or type(optimizer).take_over is Optimizer.take_over:
        return
    if not any(type(each).proximal is not Regularization.proximal for each in recipe.regularization):
        yield Finding(
            ("optimizer",),
            f"'{optimizer.plugin_name}' takes over a penalty such as l1's, and the recipe has none that it could",
            suggestion="Add one, for instance regularization: [{type: l1, weight: 0.001}], or take another optimizer.",
        )


def _doubles(recipe: Recipe) -> Iterator[Finding]:
    """What stands twice: metrics and reports of one name, equal regularizations."""
    for key, plugins in (("metrics", recipe.metrics), ("reports", recipe.reports)):
        seen: dict[str, int] = {}
        for index, plugin in enumerate(plugins or ()):
            name = plugin.plugin_name
            if name in seen:
                yield Finding(
                    (key, index),
                    f"'{name}' stands twice, first as {key}[{seen[name]}]: both would be logged under one name",
                    suggestion="Remove one of them.",
                )
            seen.setdefault(name, index)
    for index, plugin in enumerate(recipe.regularization):
        if plugin in recipe.regularization[:index]:
            first = recipe.regularization.index(plugin)
            yield Finding(
                ("regularization", index),
                f"'{plugin.plugin_name}' stands twice with the same settings, first as regularization[{first}]",
                suggestion="Remove one of them.",
            )


def _targets(recipe: Recipe, task: Task | None) -> Iterator[Finding]:
    """The target: named once, used, and normalized once at most and only where it is a number."""
    for index, name in enumerate(recipe.targets):
        if name in recipe.targets[:index]:
            yield Finding(("data", "target", index), f"the column {name!r} stands twice in the target")
        if recipe.data.columns.get(name) == "ignore":
            yield Finding(
                ("data", "columns", name), f"the column {name!r} is the target, so it can't be ignored as well"
            )
    steps = [
        (i, step)
        for i, step in enumerate(recipe.preprocessing or ())
        if isinstance(step, TargetTransform | TargetTokens)
    ]
    for index, step in steps[1:]:
        yield Finding(
            ("preprocessing", index),
            f"'{step.plugin_name}' is the second step on the target, after preprocessing[{steps[0][0]}]: one is all",
            suggestion="Remove one of them.",
        )
    if steps and isinstance(steps[0][1], TargetTransform) and task not in (None, "regression", "forecasting"):
        index, step = steps[0]
        yield Finding(
            ("preprocessing", index),
            f"'{step.plugin_name}' works on a target of numbers, and the task is {task}",
            suggestion="Remove it: classes are not normalized.",
        )


def _sequences(recipe: Recipe, task: Task | None) -> Iterator[Finding]:
    """A target of tokens: made by a step, and not mixed with another one."""
    if task != "sequence":
        return
    steps = recipe.preprocessing
    if steps is not None and not any(isinstance(step, TargetTokens) for step in steps):
        yield Finding(
            ("preprocessing",),
            "the task sequence needs a step that makes tokens of the target",
            suggestion="Add tokenize_target.",
        )
    for index, regularization in enumerate(recipe.regularization):
        if regularization.soft_targets and not regularization.tasks:  # those that name theirs are told of already
            yield Finding(
                ("regularization", index),
                f"'{regularization.plugin_name}' mixes targets, and there is nothing between two sequences of tokens",
                suggestion=f"Remove '{regularization.plugin_name}'.",
            )


def _losses(recipe: Recipe, task: Task | None, catalog: Catalog) -> Iterator[Finding]:
    """What a loss makes of the target, against what other parts make of it."""
    losses = [(path, plugin) for path, plugin in named(recipe) if isinstance(plugin, Loss)]
    for _, loss in losses:
        for index, step in enumerate(recipe.preprocessing or ()):
            if loss.raw_target and isinstance(step, TargetTransform):
                yield Finding(
                    ("preprocessing", index),
                    f"the loss '{loss.plugin_name}' needs the target in its own unit; '{step.plugin_name}' changes it",
                    suggestion=f"Remove '{step.plugin_name}'.",
                )
    if task not in ("binary", "multiclass"):
        return
    sharing = [(i, r) for i, r in enumerate(recipe.regularization) if r.soft_targets]
    for _, loss in losses:
        for index, regularization in sharing:
            if not loss.soft_targets:
                able = [name for name in _made_for("loss", task, catalog) if catalog.find(Loss, name).soft_targets]
                yield Finding(
                    ("regularization", index),
                    f"'{regularization.plugin_name}' makes shares of classes, which the loss '{loss.plugin_name}' "
                    "can't take",
                    suggestion=f"Losses that can: {', '.join(able)}.",
                )


def _closures(recipe: Recipe) -> Iterator[Finding]:
    """What evaluates the loss several times a step, against settings that allow one evaluation only."""
    evaluating: list[tuple[Plugin, str, str]] = [
        (regularization, "evaluates a batch twice for one step", f"remove regularization[{index}]")
        for index, regularization in enumerate(recipe.regularization)
        if regularization.needs_closure
    ]
    if recipe.optimizer is not None and recipe.optimizer.needs_closure:
        evaluating.append((recipe.optimizer, "evaluates the loss itself to find a step", "choose another optimizer"))
    for plugin, evaluates, otherwise in evaluating:
        who = f"'{plugin.plugin_name}' {evaluates}"
        if recipe.training.accumulate > 1:
            yield Finding(
                ("training", "accumulate"),
                f"{who}, which can't be done for gradients of several batches",
                suggestion=f"Take a larger batch_size, or {otherwise}.",
            )
        if recipe.training.precision == "16-mixed":
            yield Finding(
                ("training", "precision"),
                f"{who}, which the scaled gradients of 16-mixed don't allow",
                suggestion="Take bf16-mixed or 32-true.",
            )
        if recipe.training.on_nonfinite != "stop":
            yield Finding(
                ("training", "on_nonfinite"),
                f"{who}, so that no step can be left out afterwards",
                found=recipe.training.on_nonfinite,
                suggestion=f"Take stop, or {otherwise}.",
            )


def _automatic_batch(recipe: Recipe) -> Iterator[Finding]:
    """A batch size that each of several processes would find for itself."""
    training = recipe.training
    several = isinstance(training.devices, int) and training.devices > 1
    several |= isinstance(training.devices, list) and len(training.devices) > 1
    if training.batch_size == "auto" and (several or training.strategy != "auto"):
        yield Finding(
            ("training", "batch_size"),
            "auto looks for the batch size of one device, and several are to train",
            found="auto",
            suggestion="Write a number; a run on one device finds one and logs it.",
        )


def _overlap(recipe: Recipe) -> Iterator[Finding]:
    """Rows that share values with their neighbours, against a split that would let the parts share them."""
    rows = recipe.data.source.overlap()
    if rows is None:
        return
    split, source = recipe.data.split, recipe.data.source.plugin_name
    gap = split.gap_rows() if split is not None else None
    if gap is None:
        how = f"the split '{split.plugin_name}'" if split is not None else "the usual split at random"
        yield Finding(
            ("data", "split"),
            f"{how} would show the test part's values to the train part: the rows of the source '{source}' share "
            "values with their neighbours",
            suggestion=f"Split by time: {{type: time, column: NAME{f', gap: {rows}' if rows else ''}}}.",
        )
    elif gap < rows:
        yield Finding(
            ("data", "split", "gap"),
            f"the targets of the last rows of a part reach {rows} rows into the next one",
            suggestion=f"Set gap: {rows}.",
            found=str(gap),
        )
