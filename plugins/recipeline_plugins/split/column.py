"""`column`: the data says itself which part a row belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from recipeline import DataError, Part, Problem, Split

if TYPE_CHECKING:
    import polars as pl

Scalar = str | int | float | bool

MOST_PROBLEMS = 10
"""Different strange values that are reported at once."""


class ColumnSplit(Split, name="column"):
    """Read each row's part from a column: the split that a paper or a colleague has published.

    The column holds the words train, validation and test, or `values` says what stands for them:
    `values: {train: [2019, 2020], test: [2021]}`. The column is not shown to the model.
    """

    example = """
        data:
          source: {type: csv, path: sales.csv}
          target: price
          split: {type: column, column: year, values: {train: [2019, 2020], validation: [2021], test: [2022]}}
    """

    column: str = Field(min_length=1)
    """The column that says it."""
    values: dict[Part, list[Scalar]] = Field(
        default={"train": ["train"], "validation": ["validation"], "test": ["test"]}, min_length=1
    )
    """The column's values for each part. A part that isn't named isn't made."""
    others: Literal["error", "leave_out"] = "error"
    """What happens to a row with another value, or with none."""

    @model_validator(mode="after")
    def _once_each(self) -> ColumnSplit:
        if not self.values.get("train"):
            raise ValueError("values has to name what stands for train: nothing else can be learnt from")
        empty = [part for part, values in self.values.items() if not values]
        if empty:
            raise ValueError(f"values names nothing for {empty[0]}: leave the part out instead")
        words = [_word(value) for values in self.values.values() for value in values]
        twice = sorted({word for word in words if words.count(word) > 1})
        if twice:
            raise ValueError(f"values names {', '.join(twice)} twice: a value has one part")
        return self

    def needs(self, target: tuple[str, ...]) -> tuple[str, ...]:
        """The column that says it."""
        return (self.column,)

    def hides(self) -> tuple[str, ...]:
        """The column that says it."""
        return (self.column,)

    def has(self, part: Part) -> bool:
        """Whether `values` names the part."""
        return part in self.values

    def assign(self, rows: pl.DataFrame, target: tuple[str, ...], seed: int) -> pl.Series:
        """The part that each row's value stands for."""
        import polars as pl

        words = _words(rows[self.column])
        parts = {_word(value): part for part, values in self.values.items() for value in values}
        found = words.replace_strict(list(parts), list(parts.values()), default=None, return_dtype=pl.String)
        if self.others == "error" and found.null_count():
            self._refuse(words.filter(found.is_null()), found.is_null().arg_true())
        return found.alias("part")

    def _refuse(self, words: pl.Series, rows: pl.Series) -> None:
        import polars as pl

        strange = pl.DataFrame({"word": words, "row": rows}).group_by("word", maintain_order=True)
        known = ", ".join(_word(value) for values in self.values.values() for value in values)
        problems = [
            Problem(
                "this value stands for no part",
                row=first + 1,
                field=self.column,
                found=("a missing value" if word is None else f"'{word}'")
                + (f", in {number} rows" if number > 1 else ""),
                suggestion=f"Known are: {known}. Add it to `values`, or write others: leave_out.",
            )
            for word, first, number in strange.agg(pl.col("row").first(), pl.len()).iter_rows()
        ]
        raise DataError(*problems[:MOST_PROBLEMS])


def _word(value: Scalar) -> str:
    """A value as it is compared: true for True, and 2020 for 2020.0."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _words(column: pl.Series) -> pl.Series:
    """The column's values as they are compared."""
    import polars as pl

    if column.dtype.is_float():
        return pl.Series(column.name, [None if v is None or v != v else _word(v) for v in column], dtype=pl.String)
    return column.cast(pl.String)
