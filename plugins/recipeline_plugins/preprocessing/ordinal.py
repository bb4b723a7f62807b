"""`ordinal`: a category as a number, for embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from recipeline import Columns, DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._column_types import CATEGORIES, require
from recipeline_plugins.preprocessing._counts import counted
from recipeline_plugins.preprocessing._values import Scalar, Storage, parsed, polars_type, spelled, storage, typed

if TYPE_CHECKING:
    import polars as pl


class Ordinal(Preprocessing, name="ordinal"):
    """Give each category a code: 0, 1, 2, ... in sorted order, or in the `order` given.

    An architecture with embeddings learns what the codes mean; `one_hot` suits the others. Dates count as text.

    At serving: a missing value and a category that training didn't see have one code of their own, the last.

    Guo & Berkhahn 2016, Entity Embeddings of Categorical Variables.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: ordinal, columns: size, order: [small, middle, large]}
        architecture: mlp                              # embeds the codes
    """

    new_role = "categorical"

    columns: Columns = "categorical"
    """The columns to code."""
    order: list[Scalar] | None = Field(default=None, min_length=1)
    """All categories from first to last, for columns that have the same ones: [low, middle, high]."""

    @field_validator("order")
    @classmethod
    def _once_each(cls, order: list[Scalar] | None) -> list[Scalar] | None:
        words = [spelled(value) for value in order or ()]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise ValueError(f"order names {', '.join(twice)} twice: each category has one place")
        return order

    def fit(self, frame: pl.LazyFrame) -> State:
        """The categories of each column in the order of their codes."""
        advice = "Choose columns: categorical, or convert it with `cast` before."
        kinds = require(self, frame, CATEGORIES, advice)
        schema = frame.collect_schema()
        stored = {name: storage(kind, schema[name]) for name, kind in kinds.items()}
        found = categories(frame, stored)
        if self.order is not None:
            found = {name: self._ordered(name, values, stored[name]) for name, values in found.items()}
        return {name: {"stored": stored[name], "categories": values} for name, values in found.items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Int64 codes under the same names."""
        return frame.with_columns(_code(name, learnt) for name, learnt in state.items())

    def cardinalities(self, state: State) -> Mapping[str, int]:
        """One code a category, and one for what is missing or unseen."""
        return {name: len(learnt["categories"]) + 1 for name, learnt in state.items()}

    def _ordered(self, name: str, values: list[Scalar], stored: Storage) -> list[Scalar]:
        order = [parsed(spelled(value), stored) for value in self.order or ()]
        unknown = [value for value in values if value not in order]
        if unknown:
            raise DataError(
                Problem(
                    "`ordinal` finds categories in the train rows that its `order` doesn't name",
                    field=name,
                    found=", ".join(spelled(value) for value in unknown[:5]) + ", ..." * (len(unknown) > 5),
                    suggestion="Add them to `order`, or choose other columns.",
                )
            )
        return [value for value in order if value is not None]


def categories(frame: pl.LazyFrame, stored: dict[str, Storage]) -> dict[str, list[Any]]:
    """The different values of each column, sorted, without the missing ones."""
    found = counted(frame, {name: typed(name, kind) for name, kind in stored.items()})
    return {name: values["value"].drop_nulls().to_list() for name, values in found.items()}


def _code(name: str, learnt: dict[str, Any]) -> pl.Expr:
    import polars as pl

    values = pl.Series(learnt["categories"], dtype=polars_type(learnt["stored"]))
    codes = pl.Series(range(len(values)), dtype=pl.Int64)
    return typed(name, learnt["stored"]).replace_strict(values, codes, default=len(values), return_dtype=pl.Int64)
