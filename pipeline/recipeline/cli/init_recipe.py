"""The recipe that `recipeline init` writes: what suits the table's kind, with the reason beside each setting."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline.cli import init_ids, init_images, init_sequences, init_series, init_text
from recipeline.cli.init_lines import comment, entry, item, one_or_list, plain

if TYPE_CHECKING:
    from recipeline.cli.init_series import Series
    from recipeline.data.read import Table
    from recipeline.families.spec import Role

SHOWN = 20
"""Columns of a role that are listed; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the data has shown."""

    settings: dict[str, Any]
    """The source, as the recipe writes it."""
    table: Table
    roles: dict[str, Role]
    """Every column's role, as the train rows show it."""
    name: str
    output: Path | None
    series: Series | None = None
    """The series whose windows the table's rows are."""

    @property
    def features(self) -> dict[str, Role]:
        """The columns that may be learnt from, and their roles."""
        return {column: role for column, role in self.roles.items() if column not in self.table.targets}


@dataclass(frozen=True, slots=True)
class Draft:
    """What the recipe is made of."""

    ignored: dict[str, str] = field(default_factory=dict)
    """Columns that are left out, with the reason."""
    declared: dict[str, tuple[Role, str]] = field(default_factory=dict)
    """Columns whose role is overruled, with the reason."""
    steps: list[dict[str, Any]] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a step is there, by its name, where it isn't the usual reason."""
    network: dict[str, Any] = field(default_factory=lambda: {"type": "mlp", "hidden": [64, 32], "dropout": 0.1})
    network_reason: str = "try linear for comparison"
    optimizer: dict[str, Any] = field(default_factory=lambda: {"type": "adam", "lr": 0.001})
    patience: int = 10
    epochs: int = 50
    batch_size: int = 32
    threads: int | None = None
    needs: str | None = None
    """The extra that it takes to run."""


def compose(look: Look) -> str:
    """The commented recipe for this table."""
    from recipeline.recipe import defaults

    draft = drafted(look)
    table, task = look.table, look.table.task
    used = {column: role for column, role in look.features.items() if column not in draft.ignored}
    missing = _missing(table)
    what = ", ".join(table.targets)
    target = one_or_list(table.targets)
    split = entry("split", look.series.split if look.series else defaults.split_settings(task), 2)
    training: dict[str, Any] = {"epochs": draft.epochs, "batch_size": draft.batch_size}
    if draft.threads is not None:
        training["threads"] = draft.threads
    stop = {"type": "early_stopping", "monitor": "val/loss", "patience": draft.patience}
    lines = [
        *_head(look, draft, len(used)),
        "",
        "recipe: 1",
        entry("name", look.name),
        entry("description", f"A starting point: {task} of {look.series.value if look.series else what}."),
        "seed: 0                               # the same seed gives the same numbers",
        "",
        "data:",
        *(look.series.lines() if look.series else [entry("source", look.settings, 2)]),
        entry("target", target, 2),
        entry("task", task, 2) if look.series else comment(entry("task", task, 2), _reason(table)),
        *_columns(draft, look.features, missing),
        comment(split, "learn from the oldest, be judged by the newest" if look.series else "train, choose, judge"),
        "",
        *_steps(draft, used, missing),
        "",
        comment(entry("architecture", draft.network), draft.network_reason),
        entry("loss", defaults.LOSS[task]),
        comment(entry("optimizer", draft.optimizer), "higher: faster, less steady"),
        "regularization:",
        comment(item(stop), "stops when nothing improves"),
        "",
        *_metrics(look),
        comment(entry("training", training), "larger batches: faster, fewer steps"),
        entry("reports", list(defaults.REPORTS[task])),
    ]
    return "\n".join(lines) + "\n"


def drafted(look: Look) -> Draft:
    """What suits this table: a text or a series decides, then an image, else it is a plain one."""
    from recipeline.recipe import defaults

    features, table = look.features, look.table
    roles: dict[str, list[str]] = {}
    for column, role in features.items():
        roles.setdefault(role, []).append(column)
    ignored = dict.fromkeys(roles.get("ignore", ()), "one value only, or names that hardly repeat")
    if texts := roles.get("text"):
        cells = table.scan().select(texts).head(1000).collect()
        times = [name for name in texts if init_series.are_times(cells[name].drop_nulls())]
        ignored |= dict.fromkeys(times, init_series.UNREAD)
        roles["text"] = [name for name in texts if name not in times]
        roles = {role: columns for role, columns in roles.items() if columns}
    if look.series is None:
        ignored |= init_ids.running_numbers(table, roles.get("numeric", []))
    size = 32 if table.rows < 20_000 else 256 if table.rows < 200_000 else 1024
    draft = Draft(ignored=ignored, batch_size=size)
    if look.series is not None:
        return init_series.forecast(draft, look.series, table, features)
    if table.task == "sequence":
        draft = init_sequences.said(draft, table, features)
    elif "series" in roles:
        draft = init_series.classes(draft, features)
    elif "text" in roles and init_text.is_read(features):
        draft = init_text.read(draft, table, roles["text"])
    else:
        draft = replace(draft, ignored=draft.ignored | dict.fromkeys(roles.get("text", ()), init_text.UNREAD))
        if images := roles.get("image"):
            draft = init_images.seen(draft, table, images)
    used = {
        column: draft.declared[column][0] if column in draft.declared else role
        for column, role in features.items()
        if column not in draft.ignored
    }
    steps = defaults.preprocessing(table.task, used)
    better = {step["type"]: step for step in draft.steps}
    before = [step for step in draft.steps if step["type"] not in {usual["type"] for usual in steps}]
    return replace(draft, steps=[*before, *(better.get(step["type"], step) for step in steps)])


def _head(look: Look, draft: Draft, columns: int) -> list[str]:
    """What it does and how to run it."""
    table = look.table
    command_file = look.output.as_posix() if look.output is not None else f"{look.name}.yaml"
    if look.series is not None:
        what = look.series.title(table)
    else:
        of = "1 column" if columns == 1 else f"{columns} columns"
        what = f"Predicts {', '.join(table.targets)} from {of} of {table.location}: {table.rows:,} rows."
    needs = [f"# It needs: {draft.needs}"] if draft.needs else []
    return [
        f"# {plain(what)}",
        *needs,
        "#",
        f"#   recipeline plan {command_file}     what it will do",
        f"#   recipeline run {command_file}      train, evaluate, log",
    ]


def _metrics(look: Look) -> list[str]:
    from recipeline.recipe import defaults

    names = entry("metrics", list(defaults.METRICS[look.table.task]))
    return [
        comment(names, "mase: 1 is the error of repeating the last value, less is better") if look.series else names
    ]


def _steps(draft: Draft, used: dict[str, Role], missing: dict[str, int]) -> list[str]:
    """The preprocessing steps, each with its reason."""
    if not draft.steps:
        why = draft.reasons.get("none", "every column is a number between its bounds already")
        return [comment("preprocessing: []", why)]
    head = comment("preprocessing:", "in order; what a step learns, it learns from train rows alone")
    return [head, *(comment(item(step), _step_reason(step, draft, used, missing)) for step in draft.steps)]


def _columns(draft: Draft, features: dict[str, Role], missing: dict[str, int]) -> list[str]:
    """The columns by role as comments, and those that are overruled as settings."""
    by_role: dict[str, list[str]] = {}
    for column, role in features.items():
        if column not in draft.ignored and column not in draft.declared:
            count = f" ({missing[column]:,} missing)" if missing.get(column) else ""
            by_role.setdefault(role, []).append(f"{column}{count}")
    lines = ["  # Roles as inferred from the rows:"] if by_role else []
    for kind, columns in by_role.items():
        shown = ", ".join(columns[:SHOWN]) + (f" and {len(columns) - SHOWN} more" if len(columns) > SHOWN else "")
        lines += textwrap.wrap(plain(f"{kind}: {shown}"), 110, initial_indent="  #   ", subsequent_indent="  #     ")
    if not draft.ignored and not draft.declared:
        return [*lines, "  columns: {}                         # overrules roles: `zip: categorical`, `id: ignore`"]
    lines.append("  columns:                            # overrules them: `zip: categorical`, `id: ignore`")
    lines += [comment(entry(column, role, 4), why) for column, (role, why) in draft.declared.items()]
    lines += [comment(entry(column, "ignore", 4), why) for column, why in draft.ignored.items()]
    return lines


def _missing(table: Table) -> dict[str, int]:
    """How many values each column lacks."""
    import polars as pl

    return table.scan().select(pl.all().null_count()).collect().row(0, named=True)


def _reason(table: Table) -> str:
    for line in table.notes:
        if line.startswith("Task: "):
            return plain(line.partition("because ")[2].partition(". Set")[0])
    return "what is to be learnt"


def _step_reason(step: dict[str, Any], draft: Draft, used: dict[str, Role], missing: dict[str, int]) -> str:
    if step["type"] == "impute" and "value" in step:
        return "a word for the texts that are missing"
    if step["type"] == "impute":
        holes = sum(missing.get(column, 0) for column, role in used.items() if role == "numeric")
        return f"fills the {holes:,} missing numbers" if holes else "none is missing here; one may be when it serves"
    if step["type"] in draft.reasons:
        return draft.reasons[step["type"]]
    return {
        "load_image": "height and width: larger sees more, and is slower" if "size" in step else "as large as they are",
        "normalize_image": "each channel around 0, by the train images",
        "datetime_parts": "year, month, day, ... as numbers",
        "standardize": "mean 0, deviation 1: what networks like",
        "standardize_series": "mean 0, deviation 1, by channel",
        "one_hot": "a column of 0 and 1 for each value",
        "normalize_target": "undone in every metric and prediction",
    }.get(step["type"], "")
