"""`datetime_parts`: the year, the weekday, the hour of a moment as numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from recipeline import Columns, Preprocessing, State
from recipeline_plugins.preprocessing._column_types import require
from recipeline_plugins.preprocessing._statistics import divided

if TYPE_CHECKING:
    import polars as pl

DatePart = Literal[
    "year", "quarter", "month", "week", "day", "day_of_year", "weekday", "hour", "minute", "second", "elapsed_days"
]  # fmt: skip

CYCLES: dict[str, tuple[int, int]] = {
    "quarter": (1, 4),
    "month": (1, 12),
    "week": (1, 53),
    "day": (1, 31),
    "day_of_year": (1, 366),
    "weekday": (1, 7),
    "hour": (0, 24),
    "minute": (0, 60),
    "second": (0, 60),
}
"""First value and length of the parts that come round again."""

OF_THE_CLOCK = ("hour", "minute", "second")


class DatetimeParts(Preprocessing, name="datetime_parts"):
    """Replace a moment by numbers that repeat: 2020-12-31 is month 12, day 31, weekday 4 (Thursday; Monday is 1).

    A date without a clock gives no hour, minute and second. With `cyclic` a part that comes round again becomes two
    numbers, so that December is beside January:

        sin(2π (part - first) / length)      cos(2π (part - first) / length)

    `elapsed_days` counts days, with fractions, from 1970-01-01. A time zone's own clock counts.

    At serving: of a missing moment all parts are missing. A moment outside the train range is treated as any other.
    """

    example = """
        preprocessing:
          - {type: datetime_parts, columns: datetime, parts: [month, weekday, hour], cyclic: true}
    """

    new_role = "numeric"

    columns: Columns = "datetime"
    """The columns of dates to replace."""
    parts: list[DatePart] = Field(default=["year", "month", "day", "weekday", "hour"], min_length=1)
    """Which parts; a column of its own for each, named `<column>_<part>`."""
    cyclic: bool = False
    """Whether parts that come round again become `<column>_<part>_sin` and `<column>_<part>_cos`."""

    @field_validator("parts")
    @classmethod
    def _once_each(cls, parts: list[DatePart]) -> list[DatePart]:
        twice = sorted({part for part in parts if parts.count(part) > 1})
        if twice:
            raise ValueError(f"parts names {', '.join(twice)} twice")
        return parts

    def fit(self, frame: pl.LazyFrame) -> State:
        """The columns, and whether they have a clock."""
        import polars as pl

        require(self, frame, ("datetime", "empty"), "Read it as a date with `cast` (to: datetime) before.")
        clocks = {name: dtype != pl.Date for name, dtype in frame.collect_schema().items()}
        return {"columns": [{"column": name, "clock": clock} for name, clock in clocks.items()]}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns, in the place of the ones they come from."""
        return frame.select(
            number.alias(f"{learnt['column']}_{label}")
            for learnt in state["columns"]
            for part in self.parts
            if learnt["clock"] or part not in OF_THE_CLOCK
            for label, number in self._numbers(learnt["column"], part)
        )

    def _numbers(self, name: str, part: DatePart) -> list[tuple[str, pl.Expr]]:
        number = _part(name, part)
        if not self.cyclic or part not in CYCLES:
            return [(part, number)]
        first, length = CYCLES[part]
        angle = (number - first) * (2 * math.pi / length)
        return [(f"{part}_sin", angle.sin()), (f"{part}_cos", angle.cos())]


def _part(name: str, part: DatePart) -> pl.Expr:
    import polars as pl

    moment = pl.col(name)
    if part == "elapsed_days":
        return divided(moment.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64), 86_400_000_000)
    calendar = moment.cast(pl.Datetime("us")).dt if part in OF_THE_CLOCK else moment.dt
    number: pl.Expr = getattr(calendar, "ordinal_day" if part == "day_of_year" else part)()
    return number.cast(pl.Float64)
