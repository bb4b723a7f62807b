"""The target of a sequence as codes: what the train rows' tokens are, and every row's in their codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from recipeline.data import arrays
from recipeline.data.pipeline import FittedStep
from recipeline.errors import DataError, Problem
from recipeline.families.preprocessing import TargetTokens
from recipeline.families.spec import END, SIGNS, TargetSpec

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Coded:
    """The targets of some rows as codes."""

    values: np.ndarray
    """int64 (rows, longest): the tokens and the end, 0 beyond. A target that was cut has no end."""
    cut: int
    """How many were cut."""


def describe(step: FittedStep, target: pl.DataFrame, train: np.ndarray) -> TargetSpec:
    """The tokens that can be predicted, and how many an answer may have, as the train rows show it.

    Args:
        step: What makes the tokens, fitted.
        target: The target column, all rows.
        train: Which rows are train rows; bool (rows,).
    """
    import polars as pl

    plugin = _plugin(step)
    lengths = _lists(step, target.filter(pl.Series(train))).list.len()
    longest = min(int(lengths.max() or 1), plugin.length)  # type: ignore[arg-type]  # a number, of numbers
    tokens = plugin.tokens(step.state)
    return TargetSpec(
        "sequence",
        tuple(target.columns),
        (*SIGNS, *tokens),
        longest=longest,
        separator=plugin.separator(step.state),
    )


def encode(step: FittedStep, target: pl.DataFrame, location: str, rows: np.ndarray) -> Coded:
    """The targets of these rows as codes.

    Args:
        step: What makes the tokens, fitted.
        target: The target column of these rows.
        location: What errors call the data.
        rows: Each row's number in the source, from 0.

    Raises:
        DataError: a target has no token.
    """
    import polars as pl

    lists = _lists(step, target)
    lengths = lists.list.len()
    if (empty := (lengths == 0).arg_true()).len():
        rest = f", here and in {len(empty) - 1:,} more rows" if len(empty) > 1 else ""
        raise DataError(
            Problem(
                f"the target has no token{rest}",
                file=location,
                row=int(rows[empty[0]]) + 1,
                field=target.columns[0],
                found=repr(target.to_series()[empty[0]]),
                suggestion="Fill it in, or take such rows out of the data.",
            )
        )
    most = _plugin(step).length
    whole = pl.col("codes").list.len() <= most
    shifted = pl.col("codes").list.eval(pl.element().fill_null(-1) + len(SIGNS)).list.head(most)
    ended = pl.concat_list(shifted, pl.lit(END, dtype=pl.Int64))
    codes = lists.alias("codes").to_frame().select(pl.when(whole).then(ended).otherwise(shifted).alias("codes"))
    return Coded(arrays.tokens(codes.to_series()).values, int((lengths > most).sum()))


def _plugin(step: FittedStep) -> TargetTokens:
    return cast("TargetTokens", step.plugin)


def _lists(step: FittedStep, target: pl.DataFrame) -> pl.Series:
    """Each row's places in the vocabulary, null for a token that isn't there: a list of Int64."""
    import polars as pl

    made = step.plugin.transform(target.lazy(), step.state).collect(engine="in-memory")
    return made.to_series().cast(pl.List(pl.Int64))
