"""Cleaning, conversion and normalization: steps that learn from the train rows and act on all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveInt

from recipeline.families.plugin import Plugin
from recipeline.families.spec import Part, Role, State, Task

if TYPE_CHECKING:
    import polars as pl
    import torch

Columns = str | list[str]
"""Which columns: a role (`numeric`, ..., `all`), a name, a glob such as `price_*`, or a list of these."""


class Preprocessing(Plugin, family="preprocessing"):
    """A step that replaces columns by others. The engine picks the columns and hands over just those.

    The state is JSON-able and holds all that `transform` needs: it travels with the model to where it serves.
    `transform` works row by row, so that one row alone gives what it gives among others.
    """

    columns: Columns = "all"
    """The columns to work on: a role, a name, a glob such as `price_*`, or a list of these."""

    fits_beside: ClassVar[bool] = False
    """Whether `fit` may run in another thread, beside the fits of steps on other columns: it touches nothing but its
    frame, and draws no random numbers that others draw as well."""
    new_role: ClassVar[Role | None] = None
    """The role of the columns that `transform` returns; None keeps old names' roles and infers new ones'."""

    def fingerprint(self) -> str | None:
        """A digest of what the settings only name, such as a file; None where they say everything.

        What is prepared is kept and found again by the settings: without it a changed file would go unnoticed.
        """
        return None

    @abstractmethod
    def fit(self, frame: pl.LazyFrame) -> State:
        """Learn from the train rows. The frame has the chosen columns only."""

    @abstractmethod
    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """The chosen columns made over, in the same order of rows. New names are added, missing ones dropped.

        Called for some rows at a time, on several threads at once: the step itself is left as it is.
        """

    def cardinalities(self, state: State) -> Mapping[str, int]:
        """Number of codes of each column that `transform` returns as category codes 0..n-1."""
        return {}


class RowFilter(Preprocessing):
    """A step that leaves rows out: of the train part alone unless told otherwise, and never when serving."""

    parts: list[Part] = Field(default=["train"], min_length=1)
    """The parts that rows are left out of. A test part that loses its difficult rows judges too kindly."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Nothing to learn."""
        return {}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Rows come one by one here: none is left out."""
        return frame

    @abstractmethod
    def keep(self, columns: list[str]) -> pl.Expr:
        """A boolean expression over the chosen columns of one part: true for the rows that stay."""


class TargetTransform(Preprocessing):
    """A step on the target of a regression, undone in every metric and prediction."""

    columns: Literal["target"] = "target"
    """Always the target."""

    @abstractmethod
    def inverse(self, values: torch.Tensor, state: State) -> torch.Tensor:
        """Back to the original unit. Shape (batch, targets), columns in the order of the recipe's target."""


class TargetTokens(Preprocessing):
    """A step that cuts the target of a sequence into tokens, from which predictions are put together again.

    `fit` sees the target column of the train rows as text. `transform` makes lists of whole numbers of it, one a token:
    its place among `tokens`, or null for a token that isn't there. Such a token can't be predicted: it teaches nothing
    and counts as an error. A target without any token is refused, as a missing one is.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({"sequence"})
    columns: Literal["target"] = "target"
    """Always the target."""
    length: PositiveInt = 256
    """Tokens of a target that are kept: its first ones. How many targets were cut is said."""

    @abstractmethod
    def tokens(self, state: State) -> Sequence[str]:
        """The tokens that the train rows have shown, without signs for padding or the like."""

    @abstractmethod
    def separator(self, state: State) -> str:
        """What stands between two tokens of a text."""
