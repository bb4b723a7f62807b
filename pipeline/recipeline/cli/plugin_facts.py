"""What a plugin's class says of itself besides its settings: what it is for, what it goes with and what it refuses.

In words and with other plugins as `family.name`, for `recipeline plugins` and for the pages in docs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recipeline.families.architecture import Architecture
from recipeline.families.loss import Loss
from recipeline.families.metric import Metric
from recipeline.families.optimizer import Optimizer
from recipeline.families.plugin import Plugin
from recipeline.families.preprocessing import Preprocessing, RowFilter, TargetTokens, TargetTransform
from recipeline.families.regularization import Regularization
from recipeline.families.scheduler import Scheduler
from recipeline.families.source import Source
from recipeline.families.spec import TASKS, Task
from recipeline.recipe import defaults

Fact = tuple[str, str]
"""A label and what there is to say under it."""

_BLOCKS = {
    "numeric": "columns of numbers",
    "categorical": "coded categories, as `preprocessing.ordinal` makes them",
    "image": "images, as `preprocessing.load_image` makes them",
    "tokens": "text, as `preprocessing.tokenize` makes it",
    "series": "series",
    "lengths": "of unequal lengths too",
}
_ONE_GRADIENT = "`accumulate` above 1 and `precision: 16-mixed`"
"""What allows one gradient a step only."""
_ACTS = {
    "rewrite": "the network, once before training",
    "penalty": "the loss, by a penalty",
    "augment": "each training batch",
    "callbacks": "the course of training",
    "wrap_optimizer": "the optimizer's steps",
}


def facts(cls: type[Plugin], others: Sequence[type[Plugin]] = ()) -> list[Fact]:
    """All that can be said of a plugin.

    Args:
        cls: The plugin.
        others: The installed plugins, whose own declarations may name this one.
    """
    return [*_tasks(cls), *_of_family(cls, others), *_needs(cls), *_refusals(cls, others), *_bad_company(cls, others)]


def for_tasks(cls: type[Plugin]) -> list[str]:
    """The tasks that it is made for, in the order in which they are always named; empty for all of them."""
    declared: set[str] = set(getattr(cls, "tasks", ()))
    if "regression" in declared:
        declared.add("forecasting")  # a regression on past values
    return [task for task in TASKS if task in declared]


def usual_for(cls: type[Plugin]) -> list[str]:
    """The tasks for which a recipe that names no plugin of the family gets this one."""

    def usual(task: Task) -> Sequence[str]:
        match cls.family:
            case "loss":
                return [defaults.LOSS[task]]
            case "metric":
                return defaults.METRICS[task]
            case "report":
                return defaults.REPORTS[task]
        return {"optimizer": [defaults.OPTIMIZER], "scheduler": [defaults.SCHEDULER]}.get(cls.family, [])

    return [task for task in defaults.LOSS if cls.plugin_name in usual(task)]


def in_words(tasks: Sequence[str]) -> str:
    """Tasks as a list that is no longer than it need be: `binary, multiclass`, `all but sequence`, `all`."""
    others = [task for task in TASKS if task not in tasks]
    if not tasks or not others:
        return "all"
    return ", ".join(tasks) if len(others) > 1 else f"all but {others[0]}"


def _tasks(cls: type[Plugin]) -> Iterator[Fact]:
    if hasattr(cls, "tasks"):
        yield "tasks", in_words(for_tasks(cls))
    if usual := usual_for(cls):
        yield "by default for", in_words(usual)


def _of_family(cls: type[Plugin], others: Sequence[type[Plugin]]) -> Iterator[Fact]:
    if issubclass(cls, Source) and cls.overlap is not Source.overlap:
        yield (
            "split",
            "by `split.time` alone: its rows share values with their neighbours, and other splits are refused",
        )
    elif issubclass(cls, Architecture):
        known = isinstance(cls.accepts, tuple)  # not where an instance works it out from its settings
        yield "reads", "; ".join(_BLOCKS.get(kind, kind) for kind in cls.accepts) if known else "what its settings say"
    elif issubclass(cls, Preprocessing):
        yield from _step(cls)
    elif issubclass(cls, Loss):
        yield from _loss(cls, others)
    elif issubclass(cls, Optimizer):
        yield from _optimizer(cls, others)
    elif issubclass(cls, Scheduler):
        per = cls.model_fields.get("per")
        moves = per.default if per is not None else cls.interval
        yield "moves", f"after each {'epoch' if moves == 'epoch' else 'optimizer step'}{' by default' if per else ''}"
    elif issubclass(cls, Regularization):
        yield from _regularization(cls, others)
    elif issubclass(cls, Metric):
        yield "better", "more" if cls.higher_is_better else "less"
        yield "to watch it", f"`monitor: val/{cls.plugin_name}`"


def _step(cls: type[Preprocessing]) -> Iterator[Fact]:
    if issubclass(cls, TargetTransform):
        yield "columns", "the target; undone in every metric and prediction"
        return
    if issubclass(cls, TargetTokens):
        yield "columns", "the target; predictions are put together again"
        return
    columns = cls.model_fields["columns"]
    usual = None if columns.is_required() else columns.get_default(call_default_factory=True)
    chosen = usual if isinstance(usual, str) else " and ".join(usual or ())
    yield "columns", f"{chosen} by default" if chosen else "those that the recipe names"
    if issubclass(cls, RowFilter):
        yield "rows", "leaves some of the train part out, of other parts only if `parts` says so, and none when serving"
    elif isinstance(cls.new_role, str):
        yield "makes", f"{cls.new_role} columns"


def _loss(cls: type[Loss], others: Sequence[type[Plugin]]) -> Iterator[Fact]:
    sharing = _named(each for each in others if issubclass(each, Regularization) and each.soft_targets)
    if {"binary", "multiclass"} & cls.tasks and sharing:
        yield "shares of classes", f"{'taken' if cls.soft_targets else 'not taken: refused'} with {sharing}"
    if cls.raw_target:
        yield (
            "target",
            "in its own unit: refused with "
            + (_named(each for each in others if issubclass(each, TargetTransform)) or "a step that changes it"),
        )


def _optimizer(cls: type[Optimizer], others: Sequence[type[Plugin]]) -> Iterator[Fact]:
    if not any(wanted.startswith("training.batch_size=") for wanted in cls.requires):
        yield "batch size", "any, and best `full`" if "training.batch_size" in cls.goes_badly_with else "any"
    if cls.needs_closure:
        again = "and its gradient, " if cls.second_order else ""
        yield (
            "each step",
            f"evaluates the loss itself, {again}so `accumulate` above 1 and `precision: 16-mixed` are refused",
        )
    if not cls.grouped:
        yield "rates by name", "refused: one step is found for all parameters together"
    if cls.take_over is not Optimizer.take_over:
        able = _named(
            each for each in others if issubclass(each, Regularization) and each.proximal is not Regularization.proximal
        )
        yield "takes over", f"the penalty of {able or 'a regularization'}; refused without one"


def _regularization(cls: type[Regularization], others: Sequence[type[Plugin]]) -> Iterator[Fact]:
    acts = [words for name, words in _ACTS.items() if getattr(cls, name) is not getattr(Regularization, name)]
    yield "acts on", "; ".join(acts)
    if cls.proximal is not Regularization.proximal:
        able = _named(
            each for each in others if issubclass(each, Optimizer) and each.take_over is not Optimizer.take_over
        )
        if able:
            yield "exact zeros", f"with {able}, which takes the penalty over"
    if cls.spatial:
        yield "inputs", "images or series, whose numbers have places; the columns of a table are refused"
    if cls.soft_targets:
        able = _named(each for each in others if issubclass(each, Loss) and each.soft_targets)
        yield "classes", "become shares" + (f", which these losses take: {able}" if able else "")
    if cls.needs_closure:
        yield "each step", f"evaluates a batch twice, so {_ONE_GRADIENT} are refused"


def _needs(cls: type[Plugin]) -> Iterator[Fact]:
    for wanted in sorted(cls.requires):
        words = "a validation part" if wanted == "validation" else _token(wanted)
        yield "needs", words + _reason(cls, wanted)


def _refusals(cls: type[Plugin], others: Sequence[type[Plugin]]) -> Iterator[Fact]:
    """What validation refuses beside it, whichever of the two declares it; one line a reason."""
    found = {other: _reason(cls, other) for other in sorted(cls.conflicts)}
    for each in others:
        for mine in each.conflicts:
            family, name, *setting = mine.split(".")
            if (family, name) == (cls.family, cls.plugin_name):
                where = f", its `{setting[0]}` set" if setting else ""
                found.setdefault(f"{each.family}.{each.plugin_name}", where + _reason(each, mine))
    yield from _by_reason("refused with", found)


def _bad_company(cls: type[Plugin], others: Sequence[type[Plugin]]) -> Iterator[Fact]:
    found = {other: f": {why}" for other, why in cls.goes_badly_with.items()}
    for each in others:
        for mine, why in each.goes_badly_with.items():
            if mine == f"{cls.family}.{cls.plugin_name}":
                found.setdefault(f"{each.family}.{each.plugin_name}", f": {why}")
    yield from _by_reason("goes badly with", found)


def _by_reason(label: str, found: dict[str, str]) -> Iterator[Fact]:
    reasons: dict[str, list[str]] = {}
    for other, why in found.items():
        reasons.setdefault(why, []).append(_token(other))
    for why, names in reasons.items():
        yield label, ", ".join(names) + why


def _reason(cls: type[Plugin], declared: str) -> str:
    return f": {cls.reasons[declared]}" if declared in cls.reasons else ""


def _token(declared: str) -> str:
    """What is declared, as it stands in a recipe: `training.batch_size: full`, `loss.focal`."""
    setting, equals, value = declared.partition("=")
    return f"`{setting}: {value}`" if equals else f"`{declared}`"


def _named(plugins: Iterator[type[Plugin]]) -> str:
    return ", ".join(sorted(f"`{cls.family}.{cls.plugin_name}`" for cls in plugins))
