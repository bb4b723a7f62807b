"""`windows`: series in time as rows of past and future."""

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

    from recipeline_plugins.source._steps import Steps

HISTORY = "history"
"""The column with the past values."""

BATCH_ROWS = 16_384


class Windows(Source, name="windows"):
    """Rows for forecasting out of another source's table: the last `length` values, and the `horizon` next ones.

        history = value[i - length + 1 ... i]          a column of lists, the series that the network reads
        t+1 ... t+horizon = value[i + gap + 1 ... i + gap + horizon]       numbers, the targets

    for each i that has as many values before and after it, in the order of `time`, whose column stays: it has the
    time of the last known value. With a gap the targets are named by their distance: t+3 for the first one after a
    gap of 2. The table's rows are one series, or with `group` one for each of its values.

    A row is one step, however much time has passed since the row before, unless `every` says how far apart steps are.
    Several series share one calendar: where one has no row and another has, the one has a step without a value.

    Neighbouring windows share values. So the split has to be by `time` with a gap of horizon + gap - 1 steps between
    the parts: then all that a part learns from was known when the next part's first forecast is due. Any other split
    is refused.

    A missing value is taken to be the last known one in the history; windows of which a target is missing, or all
    values before, are left out. Times of a time zone become UTC.

    Hyndman & Athanasopoulos 2021, Forecasting: Principles and Practice, 5.8 and 5.10.
    """

    example = """
        data:
          source:
            type: windows
            of: {type: csv, path: temperatures.csv}
            time: day
            value: celsius
            length: 28                  # four weeks are read
            horizon: 7                  # the next one is forecast
          target: [t+1, t+2, t+3, t+4, t+5, t+6, t+7]
          task: forecasting
          columns: {day: ignore}
          split: {type: time, column: day, gap: 6}         # horizon - 1
        architecture: gru
    """

    of: Annotated[Source, ByName()]
    """The source of the table."""
    time: str = Field(min_length=1)
    """The column that orders the rows: dates, or numbers such as a year."""
    value: str | Annotated[list[str], Field(min_length=1)]
    """The column to forecast. Of a list the first is forecast, and all are read: the channels of the history."""
    group: str | None = Field(default=None, min_length=1)
    """The column that tells several series apart, such as a shop's name. It stays, for the network to know whose
    series it reads, unless data.columns ignores it."""
    length: PositiveInt = 24
    """Values of the history. Longer sees longer cycles, and leaves fewer rows to learn from."""
    horizon: PositiveInt = 1
    """Values to forecast: each is a target column."""
    gap: NonNegativeInt = 0
    """Values between the last one known and the first one forecast."""
    stride: PositiveInt = 1
    """Steps from one window to the next. With more than 1 there are fewer rows, which repeat each other less."""
    every: str | None = Field(default=None, pattern=r"^[1-9]\d{0,5}(s|m|h|d|w|mo|q|y)?$")
    """How far apart steps are: 15m, 1h, 1d, 1w, 1mo, 1q, 1y, or a number where time is one. Times are cut down to it,
    and a step without a row is a missing value."""
    time_format: str | None = Field(default=None, min_length=1)
    """How times in words are written, as in strftime: "%d.%m.%Y". Left out: ISO 8601, as 2024-01-31 or
    2024-01-31T12:00+02:00."""

    _notes: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _each_column_once(self) -> Self:
        names = [self.time, *self._channels(), *([] if self.group is None else [self.group])]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"a column is the time, the group or one of the values, once: '{twice}' stands twice")
        taken = next((name for name in (self.time, self.group) if name in (HISTORY, *self.targets())), None)
        if taken is not None:
            raise ValueError(f"'{taken}' is a column that the windows make: rename the one of the table")
        return self

    def scan(self) -> pl.LazyFrame:
        """One row a window, in the order of time; the windows are cut as they are asked for."""
        import polars as pl
        from polars.io.plugins import register_io_source

        steps = self._steps()
        series = pl.Series("series", steps.number)
        carried = pl.DataFrame(steps.values).select(pl.all().fill_nan(None).forward_fill().over(series)).to_numpy()
        firsts = self._complete(steps, carried)

        def read(
            with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
        ) -> Iterator[pl.DataFrame]:
            wanted = firsts if n_rows is None or predicate is not None else firsts[:n_rows]
            left = n_rows
            for start in range(0, max(1, len(wanted)), BATCH_ROWS):
                frame = self._frame(steps, carried, wanted[start : start + BATCH_ROWS])
                frame = frame if predicate is None else frame.filter(predicate)
                frame = frame if with_columns is None else frame.select(with_columns)
                frame = frame if left is None else frame.head(left)
                left = None if left is None else left - frame.height
                yield frame

        return register_io_source(read, schema=self._frame(steps, carried, firsts[:1]).schema, is_pure=True)

    def fingerprint(self) -> str:
        """The sha256 of the inner source's and of the windows' settings."""
        settings = self.model_dump(mode="json", exclude={"of"})
        return hashlib.sha256(json.dumps([self.of.fingerprint(), settings], sort_keys=True).encode()).hexdigest()

    def overlap(self) -> int | None:
        """Moments that follow a row's before all of its targets are known."""
        return -(-(self.horizon + self.gap) // self.stride) - 1

    def separates(self) -> str | None:
        """The column that tells several series apart."""
        return self.group

    def expect(self, roles: Mapping[str, Role]) -> None:
        """Handed on, but for what the recipe ignores: the time and the group are needed here all the same."""
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

    def _steps(self) -> Steps:
        """Every step of every series, with its values.

        Raises:
            DataError: a column isn't there or can't be what it should be, or two rows of a series have one time.
        """
        import polars as pl

        from recipeline_plugins.source._steps import cut_down, lay_out, uneven
        from recipeline_plugins.source._times import read_times

        rows = self._rows()
        times = read_times(rows.get_column(self.time), self.time_format, self.location())
        groups = None if self.group is None else self._named(rows.get_column(self.group))
        self._notes = ()
        if self.every is not None:
            self._check_unit(times, self.every)
            times = cut_down(times, self.every)
        elif told := uneven(times, groups):
            self._notes = (told,)
        channels = rows.select(pl.col(self._channels()).cast(pl.Float64).fill_nan(None)).to_numpy()
        steps = lay_out(times, groups, channels, self.every, self.location())
        if lacking := len(steps.number) - rows.height:
            what = "steps have" if lacking > 1 else "step has"
            self._notes += (f"{lacking:,} {what} no row between the first and the last of its series: missing values.",)
        return steps

    def _check_unit(self, times: pl.Series, every: str) -> None:
        """Refuse a unit of moments for numbers or whole days, and a number for dates.

        Raises:
            DataError: the unit isn't one of these times.
        """
        import polars as pl

        kinds = {"numbers": "1, 10, ...", "days": "1d, 1w, 1mo, ...", "moments": "15m, 1h, 1d, ..."}
        kind = "days" if times.dtype == pl.Date else "moments" if times.dtype.is_temporal() else "numbers"
        fits = every.isdecimal() if kind == "numbers" else every.lstrip("0123456789") in ("d", "w", "mo", "q", "y")
        if not fits and not (kind == "moments" and every[-1] in "smh"):
            raise DataError(
                Problem(
                    f"`every` is a unit of the time, and '{self.time}' holds {kind}",
                    path="data.source.every",
                    found=every,
                    suggestion=f"For {kind} there are: {kinds[kind]}",
                )
            )

    def _rows(self) -> pl.DataFrame:
        """The columns that are needed of the table.

        Raises:
            DataError: one isn't there or can't be what it should be.
        """
        import polars as pl

        table = self.of.scan()
        schema = table.collect_schema()
        names = [self.time, *self._channels(), *([] if self.group is None else [self.group])]
        problems = [
            Problem(
                f"`windows` needs a column '{name}', which isn't there",
                file=self.location(),
                suggestion=f"There are: {', '.join(schema.names())}.",
            )
            for name in names
            if name not in schema
        ]
        problems += [
            Problem(
                f"`windows` needs {'dates or numbers' if name == self.time else 'numbers'} in '{name}'",
                file=self.location(),
                found="words" if schema[name] == pl.String else str(schema[name]),
            )
            for name in names
            if name in schema and name != self.group and not _fits(schema[name], is_time=name == self.time)
        ]
        if problems:
            raise DataError(*problems)
        return table.select(names).collect()

    def _named(self, groups: pl.Series) -> pl.Series:
        """The series that each row belongs to.

        Raises:
            DataError: a row belongs to none.
        """
        missing = groups.is_null().arg_true()
        if len(missing):
            raise DataError(
                Problem(
                    "`windows` needs to know of every row which series it belongs to",
                    file=self.location(),
                    row=missing[0] + 1,
                    field=groups.name,
                    suggestion="Fill it in, or take such rows out of the data.",
                )
            )
        return groups

    def _complete(self, steps: Steps, carried: np.ndarray) -> np.ndarray:
        """The first place of each window that has a history and all its targets; notes those that haven't.

        Raises:
            DataError: there is none.
        """
        import numpy as np

        needed = self.length + self.gap + self.horizon
        places = np.arange(max(0, len(steps.values) - needed + 1))
        places = places[steps.number[places] == steps.number[places + needed - 1]]
        # Strides are steps of the calendar, so that all series have their windows at the same moments.
        places = places[steps.place[places] % self.stride == 0]
        known = ~np.isnan(steps.values[:, 0])
        whole = ~np.isnan(carried[places]).any(axis=1)  # every channel has had a value
        for step in range(self.horizon):
            whole &= known[places + self.length + self.gap + step]
        if not whole.any():
            raise DataError(
                Problem(
                    f"`windows` finds no {needed} values in a row: length + gap + horizon",
                    file=self.location(),
                    found=f"{len(known):,} steps, {int(known.sum()):,} of them with a value"
                    + ("" if steps.groups is None else f", in {len(steps.groups):,} series"),
                    suggestion="Set a smaller length or horizon.",
                )
            )
        left = len(places) - int(whole.sum())
        if left:
            told = f"{left:,} of {len(places):,} windows are left out: a target is missing, or all values before."
            self._notes += (told,)
        found: np.ndarray = places[whole]
        if steps.groups is not None:
            absent = steps.groups.gather(np.setdiff1d(np.arange(len(steps.groups)), steps.number[found]))
            if len(absent):
                named = ", ".join(str(name) for name in absent.head(5)) + (", ..." if len(absent) > 5 else "")
                told = (
                    f"{len(absent):,} of {len(steps.groups):,} series have no whole window of {needed} steps: {named}."
                )
                self._notes += (told,)
        return found

    def _frame(self, steps: Steps, carried: np.ndarray, firsts: np.ndarray) -> pl.DataFrame:
        """The windows that begin at these places."""
        import numpy as np
        import polars as pl

        history = carried[firsts[:, None] + np.arange(self.length)]  # (windows, length, channels)
        channels = history.shape[2]
        cells = history[:, :, 0] if channels == 1 else history
        kind = pl.List(pl.Float64 if channels == 1 else pl.Array(pl.Float64, channels))
        first = firsts + self.length + self.gap
        groups = [] if steps.groups is None else [steps.groups.gather(steps.number[firsts])]
        return pl.DataFrame(
            [
                steps.calendar.gather(steps.place[firsts + self.length - 1]),
                *groups,
                pl.Series(HISTORY, cells).cast(kind) if len(cells) else pl.Series(HISTORY, [], dtype=kind),
                *(pl.Series(name, steps.values[first + step, 0]) for step, name in enumerate(self.targets())),
            ]
        )


def _fits(dtype: pl.DataType, *, is_time: bool) -> bool:
    """Whether a column of this type can be the time, of which words may be dates, or a value."""
    import polars as pl

    return dtype.is_numeric() or (is_time and (dtype.is_temporal() or dtype == pl.String))
