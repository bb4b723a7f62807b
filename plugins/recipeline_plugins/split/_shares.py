"""How many rows each part gets when the recipe gives shares of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from recipeline import DataError, Part, Problem, Split

if TYPE_CHECKING:
    import polars as pl

PARTS: tuple[Part, Part, Part] = ("train", "validation", "test")


class SharesSplit(Split):
    """A split by shares of the whole: what `random`, `group` and `time` have in common."""

    train: float = Field(default=0.7, gt=0, le=1)
    """The share of the rows that the model learns from."""
    validation: float = Field(default=0.15, ge=0, lt=1)
    """The share of the rows that choose the best epoch; 0 for no such part."""
    test: float = Field(default=0.15, ge=0, lt=1)
    """The share of the rows that judge the finished model; 0 for no such part."""

    @model_validator(mode="after")
    def _whole(self) -> SharesSplit:
        total = float(sum(exact(self.train, self.validation, self.test)))
        if abs(total - 1) > 1e-9:
            raise ValueError(
                f"train, validation and test have to sum to 1, but {self.train:g} + {self.validation:g} + "
                f"{self.test:g} is {total:g} (a share that is left out has its default)"
            )
        return self

    def has(self, part: Part) -> bool:
        """Whether the part's share is above 0."""
        return bool(getattr(self, part) > 0)

    def shares(self) -> list[Fraction]:
        """The shares of train, validation and test as the recipe writes them, without binary rounding."""
        found = exact(self.train, self.validation, self.test)
        return [share / sum(found) for share in found]


def exact(*numbers: float) -> list[Fraction]:
    """The numbers as their shortest decimal spelling has them: 0.15 is 3/20."""
    return [Fraction(repr(float(number))) for number in numbers]


def counts(rows: int, shares: Sequence[Fraction]) -> list[int]:
    """Whole numbers that sum to `rows`, each within one of its share: the largest remainders are rounded up.

    Equal remainders go to the earlier part.
    """
    quotas = [rows * share for share in shares]
    found = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda part: found[part] - quotas[part])
    for part in by_remainder[: rows - sum(found)]:
        found[part] += 1
    return found


def refuse_missing(column: pl.Series, split: Split) -> None:
    """Refuse a column in which a row has no value.

    Raises:
        DataError: the first such row and their number.
    """
    missing = column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
    rows = missing.arg_true()
    if len(rows):
        raise DataError(
            Problem(
                f"the split `{split.plugin_name}` needs a value in every row",
                row=rows[0] + 1,
                field=column.name,
                found=f"{len(rows)} missing",
                suggestion="Fill them in, or take such rows out of the data.",
            )
        )
