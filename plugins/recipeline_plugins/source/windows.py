"""`windows`: a series in time as rows of past and future."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import Field, NonNegativeInt, PositiveInt, PrivateAttr, model_validator

from recipeline import ByName, DataError, Problem, Role, Source

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

HISTORY = "history"
"""The column with the past values."""

BATCH_ROWS = 16_384


class Windows(Source, name="windows"):
    """Rows for forecasting out of another source's table: the last `length` values, and the `horizon` next ones.

        history = value[i - length + 1 ... i]          a column of lists, the series that the network reads
        t+1 ... t+horizon = value[i + gap + 1 ... i + gap + horizon]       numbers, the targets

    for each i that has as many values before and after it, in the order of `time`, whose column stays: it has the
    time of the last known value. With a gap the targets are named by their distance: t+3 for the first one after a
    gap of 2. The table's rows are one series, equally far apart.

    Neighbouring windows share values. So the split has to be by `time` with a gap of at least horizon + gap - 1 rows
    between the parts: then all that a part learns from was known when the next part's first forecast is due. Any
    other split is refused.

    A missing value is taken to be the last known one in the history; windows of which a target is missing, or all
    values before, are left out.

    Hyndman & Athanasopoulos 2021, Forecasting: Principles and Practice, 5.8 and 5.10.
    """

    of: Annotated[Source, ByName()]
    """The source of the table."""
    time: str = Field(min_length=1)
    """The column that orders the rows: dates, or numbers such as a year."""
    value: str | Annotated[list[str], Field(min_length=1)]
    """The column to forecast. Of a list the first is forecast, and all are read: the channels of the history."""
    length: PositiveInt = 24
    """Values of the history. Longer sees longer cycles, and leaves fewer rows to learn from."""
    horizon: PositiveInt = 1
    """Values to forecast: each is a target column."""
    gap: NonNegativeInt = 0
    """Values between the last one known and the first one forecast."""

    _notes: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        names = [self.time, *self._channels()]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"a column is the time or one of the values, once: '{twice}' stands twice")
        return self

    def scan(self) -> pl.LazyFrame:
        """One row a window, in the order of time; the windows are cut as they are asked for."""
        import polars as pl
        from polars.io.plugins import register_io_source

        times, values = self._series()
        carried = pl.DataFrame(values).select(pl.all().fill_nan(None).fill_null(strategy="forward")).to_numpy()
        firsts = self._complete(values)

        def read(
            with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
        ) -> Iterator[pl.DataFrame]:
            wanted = firsts if n_rows is None or predicate is not None else firsts[:n_rows]
            left = n_rows
            for start in range(0, max(1, len(wanted)), BATCH_ROWS):
                frame = self._frame(times, values, carried, wanted[start : start + BATCH_ROWS])
                frame = frame if predicate is None else frame.filter(predicate)
                frame = frame if with_columns is None else frame.select(with_columns)
                frame = frame if left is None else frame.head(left)
                left = None if left is None else left - frame.height
                yield frame

        return register_io_source(read, schema=self._frame(times, values, carried, firsts[:1]).schema, is_pure=True)

    def fingerprint(self) -> str:
        """The sha256 of the inner source's and of the windows' settings."""
        settings = self.model_dump(mode="json", exclude={"of"})
        return hashlib.sha256(json.dumps([self.of.fingerprint(), settings], sort_keys=True).encode()).hexdigest()

    def overlap(self) -> int | None:
        """Rows that follow a row before all of its targets are known."""
        return self.horizon + self.gap - 1

    def expect(self, roles: Mapping[str, Role]) -> None:
        """Handed on, but for what the recipe ignores: the time is needed here all the same."""
        self.of.expect({name: role for name, role in roles.items() if role != "ignore"})

    def notes(self) -> Sequence[str]:
        """What the inner source has to say, and how many windows are left out."""
        return (*self.of.notes(), *self._notes)

    def close(self) -> None:
        """Handed on."""
        self.of.close()

    def location(self) -> str:
        """As the inner source's."""
        return self.of.location()

    def targets(self) -> list[str]:
        """The names of the target columns."""
        return [f"t+{self.gap + step}" for step in range(1, self.horizon + 1)]

    def _channels(self) -> list[str]:
        return [self.value] if isinstance(self.value, str) else list(self.value)

    def _series(self) -> tuple[pl.Series, np.ndarray]:
        """The times in order, and the values at each: (times, channels), NaN where missing.

        Raises:
            DataError: a column isn't there or can't be what it should be, or two rows have one time.
        """
        import polars as pl

        table = self.of.scan()
        schema = table.collect_schema()
        names = [self.time, *self._channels()]
        problems = [
            Problem(
                f"`windows` needs a column '{name}', which isn't there",
                file=self.location(),
                suggestion=f"There are: {', '.join(schema.names())}.",
            )
            for name in dict.fromkeys(names)
            if name not in schema
        ]
        problems += [
            Problem(
                f"`windows` needs {'dates or numbers' if name == self.time else 'numbers'} in '{name}'",
                file=self.location(),
                found=str(schema[name]),
            )
            for name in dict.fromkeys(names)
            if name in schema and not _fits(schema[name], is_time=name == self.time)
        ]
        if problems:
            raise DataError(*problems)
        rows = table.select(names).collect()
        times = self._times(rows.get_column(self.time))
        rows = rows.select(names[1:]).with_columns(pl.all().cast(pl.Float64).fill_nan(None))
        order = times.arg_sort()
        return times.gather(order), rows.select(pl.all().gather(order)).to_numpy()

    def _times(self, column: pl.Series) -> pl.Series:
        import polars as pl

        times = column
        if column.dtype == pl.String:
            text = column.str.strip_chars().str.replace(" ", "T", literal=True)
            day = text.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
            times = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us").fill_null(day)
        missing = times.is_null().arg_true()
        if len(missing):
            given = column[missing[0]]
            raise DataError(
                Problem(
                    "`windows` needs a time in every row",
                    file=self.location(),
                    row=missing[0] + 1,
                    field=self.time,
                    found=None if given is None else repr(given),
                    suggestion="Write dates such as 2024-01-31, or numbers.",
                )
            )
        twice = (~times.is_first_distinct()).arg_true()
        if len(twice):
            raise DataError(
                Problem(
                    "`windows` needs one row for each time: its table is a single series",
                    file=self.location(),
                    row=twice[0] + 1,
                    field=self.time,
                    found=f"{times[twice[0]]} a second time",
                    suggestion="Keep one series, or add the rows of a time up.",
                )
            )
        return times

    def _complete(self, values: np.ndarray) -> np.ndarray:
        """The first place of each window that has a history and all its targets; notes those that haven't.

        Raises:
            DataError: there is none.
        """
        import numpy as np

        needed = self.length + self.gap + self.horizon
        places = np.arange(max(0, len(values) - needed + 1))
        known = ~np.isnan(values)
        begun = known.cumsum(axis=0).all(axis=1)  # every channel has had a value
        whole = begun[places]
        for step in range(self.horizon):
            whole &= known[places + self.length + self.gap + step, 0]
        if not whole.any():
            raise DataError(
                Problem(
                    f"`windows` finds no {needed} values in a row: length + gap + horizon",
                    file=self.location(),
                    found=f"{len(values):,} rows, {int(known[:, 0].sum()):,} of them with a value",
                    suggestion="Set a smaller length or horizon.",
                )
            )
        left = len(places) - int(whole.sum())
        note = f"{left:,} of {len(places):,} windows are left out: a target is missing, or all values before."
        self._notes = (note,) if left else ()
        found: np.ndarray = places[whole]
        return found

    def _frame(self, times: pl.Series, values: np.ndarray, carried: np.ndarray, firsts: np.ndarray) -> pl.DataFrame:
        """The windows that begin at these places."""
        import numpy as np
        import polars as pl

        history = carried[firsts[:, None] + np.arange(self.length)]  # (windows, length, channels)
        channels = history.shape[2]
        cells = history[:, :, 0] if channels == 1 else history
        kind = pl.List(pl.Float64 if channels == 1 else pl.Array(pl.Float64, channels))
        first = firsts + self.length + self.gap
        return pl.DataFrame(
            [
                times.gather(firsts + self.length - 1),
                pl.Series(HISTORY, cells).cast(kind) if len(cells) else pl.Series(HISTORY, [], dtype=kind),
                *(pl.Series(name, values[first + step, 0]) for step, name in enumerate(self.targets())),
            ]
        )


def _fits(dtype: pl.DataType, *, is_time: bool) -> bool:
    """Whether a column of this type can be the time, of which words may be dates, or a value."""
    import polars as pl

    return dtype.is_numeric() or (is_time and (dtype.is_temporal() or dtype == pl.String))
