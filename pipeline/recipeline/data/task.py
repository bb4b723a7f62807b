"""What is to be learnt, read off the target column."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from recipeline.errors import DataError, Problem
from recipeline.families.spec import Task

if TYPE_CHECKING:
    import polars as pl

CLASS_CODES = 20
"""Whole numbers 0, 1, 2, ... up to this many are taken for class codes; more, or with gaps, for amounts."""
CLASS_WORDS = 1000
"""A target of more different words than this isn't a set of classes."""
SEVERAL = 0.5
"""Share of a target's texts beyond which several words each are taken for a sequence."""

OVERRULE = "Set data.task to overrule."


def infer(
    rows: pl.LazyFrame,
    targets: tuple[str, ...],
    location: str,
    counted: Mapping[str, pl.DataFrame] = MappingProxyType({}),
) -> tuple[Task, str]:
    """The task that the target columns suggest, and the reason as a note.

    Args:
        rows: All rows.
        targets: The target columns.
        location: What errors call the data.
        counted: Columns of words of which every one is known.

    Raises:
        DataError: nothing here can be predicted from such a target.
    """
    import polars as pl

    schema = rows.select(targets).collect_schema()
    ordered = [name for name in targets if schema[name] != pl.String]
    seen = rows.select(
        *[_distinct(name, counted).alias(f"distinct:{name}") for name in targets],
        *[pl.col(name).min().alias(f"min:{name}") for name in ordered],
        *[pl.col(name).max().alias(f"max:{name}") for name in ordered],
    ).collect()
    figures = seen.row(0, named=True)
    if len(targets) > 1:
        return _several(schema, figures, targets, location)
    name = targets[0]
    dtype, distinct = schema[name], figures[f"distinct:{name}"]
    low, high = (figures.get(f"{end}:{name}", 0) for end in ("min", "max"))  # of words neither is asked for
    if dtype.is_temporal():
        raise DataError(
            Problem("dates can't be predicted", file=location, field=name, suggestion="Choose another data.target.")
        )
    if dtype in (pl.String, pl.Boolean):
        if distinct > CLASS_WORDS:
            several = pl.col(name).str.strip_chars().str.contains(r"\s").mean()
            if rows.select(several).collect().item() > SEVERAL:
                reason = f"the target '{name}' holds {distinct:,} different texts, most of them of several words"
                return "sequence", f"Task: sequence, because {reason}. {OVERRULE}"
            raise DataError(
                Problem(
                    "the target holds too many different words to be classes",
                    file=location,
                    field=name,
                    found=f"{distinct:,} different ones",
                    suggestion="Choose another data.target, or set data.task: multiclass if they are, or sequence if "
                    "they are to be spelt.",
                )
            )
        task: Task = "multiclass" if distinct > 2 else "binary"
        words = f"{distinct} different words" if distinct > 1 else "one word only"
        return task, f"Task: {task}, because the target '{name}' holds {words}. {OVERRULE}"
    whole = dtype.is_integer() or (distinct == 2 and float(low).is_integer() and float(high).is_integer())
    if whole and distinct == 2 and high - low == 1:
        return "binary", f"Task: binary, because the target '{name}' is either {low} or {high}. {OVERRULE}"
    if dtype.is_integer() and 2 < distinct <= CLASS_CODES and low in (0, 1) and high - low + 1 == distinct:
        reason = f"the target '{name}' holds the whole numbers {low} to {high}"
        return "multiclass", f"Task: multiclass, because {reason}. {OVERRULE}"
    return "regression", f"Task: regression, because the target '{name}' holds numbers. {OVERRULE}"


def _distinct(name: str, counted: Mapping[str, pl.DataFrame]) -> pl.Expr:
    import polars as pl

    return pl.lit(counted[name].height) if name in counted else pl.col(name).drop_nulls().n_unique()


def _several(schema: pl.Schema, figures: dict[str, Any], targets: tuple[str, ...], location: str) -> tuple[Task, str]:
    import polars as pl

    def is_label(name: str) -> bool:
        zero_one = schema[name].is_numeric() and figures[f"min:{name}"] == 0 and figures[f"max:{name}"] == 1
        return schema[name] == pl.Boolean or (zero_one and figures[f"distinct:{name}"] == 2)

    if all(is_label(name) for name in targets):
        return "multilabel", f"Task: multilabel, because every target is yes or no. {OVERRULE}"
    words = [name for name in targets if not schema[name].is_numeric()]
    if words:
        raise DataError(
            Problem(
                "several targets must all be numbers, or all be 0 and 1",
                file=location,
                field=words[0],
                suggestion="Name one target, or leave this column out of data.target.",
            )
        )
    return "regression", f"Task: regression, because the targets hold numbers. {OVERRULE}"


def check(task: Task, schema: pl.Schema, targets: tuple[str, ...], location: str) -> None:
    """Whether the target columns can be what the recipe says they are.

    Raises:
        DataError: they can't.
    """
    import polars as pl

    problems = []
    for name in targets:
        dtype = schema[name]
        if task in ("regression", "forecasting", "multilabel") and not (dtype.is_numeric() or dtype == pl.Boolean):
            what = "0 and 1" if task == "multilabel" else "numbers"
            problems.append(
                Problem(
                    f"the task {task} needs a target of {what}",
                    file=location,
                    field=name,
                    found="words" if dtype == pl.String else str(dtype).lower(),
                    suggestion="Set data.task: auto, or choose another data.target.",
                )
            )
        if task == "sequence" and dtype != pl.String:
            problems.append(
                Problem(
                    "the task sequence needs a target of text",
                    file=location,
                    field=name,
                    found=str(dtype).lower(),
                    suggestion=f"Set data.task: auto, or have it read as text with data.columns: {{{name}: text}}.",
                )
            )
        if task in ("binary", "multiclass") and dtype.is_temporal():
            problems.append(Problem("dates can't be classes", file=location, field=name))
    if task == "sequence" and len(targets) > 1:
        problems.append(
            Problem(
                "the task sequence has one target",
                path="data.target",
                found=f"{len(targets)}",
                suggestion="Name one column.",
            )
        )
    if task in ("binary", "multiclass") and len(targets) > 1:
        problems.append(
            Problem(
                f"the task {task} has one target",
                path="data.target",
                found=f"{len(targets)}",
                suggestion="Name one column, or set data.task: multilabel for several columns of 0 and 1.",
            )
        )
    if task == "forecasting" and not any(dtype.is_nested() for dtype in schema.values()):
        problems.append(
            Problem(
                "forecasting needs the past values in each row, as a column of lists",
                path="data.task",
                suggestion="Put the source in windows, data.source: {type: windows, of: {...}, time: NAME, value: "
                "NAME}; or set data.task: regression and split by time.",
            )
        )
    if problems:
        raise DataError(*problems)
