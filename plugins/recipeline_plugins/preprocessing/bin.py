"""`bin`: a number as one of a few ranges."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._column_types import require_numbers
from recipeline_plugins.preprocessing._quantiles import quantiles
from recipeline_plugins.preprocessing._statistics import summarize, value

if TYPE_CHECKING:
    import polars as pl


class Bin(Preprocessing, name="bin"):
    """Give each number the code of the range it falls in, so that a model can treat ranges separately.

    `quantile`: ranges with about as many train rows each; equal limits, which repeated values bring, are one.
    `uniform`: ranges of the same width between the least and the largest train value. `edges`: the limits given.
    A limit belongs to the range above it. The codes are categories: follow with `one_hot`, or use embeddings.

    At serving: a missing value (null, NaN) has a code of its own, the last. A value below or above the train
    range, infinite ones included, falls in the first or the last range.

    Dougherty, Kohavi & Sahami 1995, Supervised and Unsupervised Discretization of Continuous Features.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: bin, columns: age, method: edges, edges: [18, 40, 65]}
          - {type: one_hot, columns: age}
    """

    new_role = "categorical"

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    method: Literal["quantile", "uniform", "edges"] = "quantile"
    """How the limits between the ranges are found."""
    bins: int | None = Field(default=None, ge=2, le=256)
    """`quantile` and `uniform`: how many ranges; 5 when left out."""
    edges: list[float] | None = Field(default=None, min_length=1, max_length=255)
    """`edges`: the limits between the ranges, rising; one more range than limits."""

    @model_validator(mode="after")
    def _consistent(self) -> Bin:
        if (self.edges is not None) != (self.method == "edges"):
            raise ValueError("method: edges and the setting `edges` belong together: give both or neither")
        if self.bins is not None and self.method == "edges":
            raise ValueError("bins belongs to the methods quantile and uniform: `edges` already says how many")
        if any(low >= high for low, high in pairwise(self.edges or [])):
            raise ValueError(f"edges have to rise, from {self.edges}")
        return self

    def fit(self, frame: pl.LazyFrame) -> State:
        """The limits between the ranges of each column."""
        if self.edges is not None:
            return {name: {"edges": list(self.edges)} for name in require_numbers(self, frame)}
        bins = 5 if self.bins is None else self.bins
        shares = [step / bins for step in range(1, bins)]
        if self.method == "uniform":
            ends = summarize(self, frame, {"min": lambda x: x.min(), "width": lambda x: x.max() - x.min()})
            return {name: {"edges": _between(end["min"], end["width"], shares)} for name, end in ends.items()}
        found = quantiles(self, frame, [0.0, *shares])
        return {name: {"edges": _distinct(limits, least)} for name, (least, *limits) in found.items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Int64 codes under the same names."""
        import polars as pl

        def code(name: str, edges: list[float]) -> pl.Expr:
            x = value(name)
            passed = (x >= edge for edge in edges)
            below = pl.sum_horizontal(pl.lit(0, dtype=pl.Int64), *passed).cast(pl.Int64)
            return pl.when(x.is_null()).then(pl.lit(len(edges) + 1, dtype=pl.Int64)).otherwise(below).alias(name)

        return frame.with_columns(code(name, learnt["edges"]) for name, learnt in state.items())

    def cardinalities(self, state: State) -> Mapping[str, int]:
        """One code a range, and one for missing values."""
        return {name: len(learnt["edges"]) + 2 for name, learnt in state.items()}


def _between(least: float | None, width: float | None, shares: list[float]) -> list[float]:
    """Limits at these shares of the way; none where there is no way."""
    if least is None or width is None:
        return []
    return _distinct([least + share * width for share in shares], least)


def _distinct(limits: list[float | None], least: float | None) -> list[float]:
    """Rising limits that have train values on both sides."""
    return sorted({limit for limit in limits if limit is not None and least is not None and limit > least})
