"""What `recipeline init` writes for series: windows for a forecast out of a table in time, and classes of series."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from recipeline.cli.init_lines import comment, entry
from recipeline.errors import Problem, UsageError

if TYPE_CHECKING:
    import polars as pl

    from recipeline.cli.init_recipe import Draft
    from recipeline.data.read import Table
    from recipeline.families.source import Source
    from recipeline.families.spec import Role

TIME_WORDS = ("time", "date", "day", "week", "month", "year", "hour", "timestamp", "period", "step")
"""Names of whole numbers that are times."""

UNREAD = "times in words: --time would forecast by them, and the step cast reads them as dates"

ZONED = ("%Y-%m-%dT%H:%M:%S%#z", "%Y-%m-%d %H:%M:%S%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%.f%#z")
"""Times with their zone, which `windows` brings to UTC."""

ISO = ("%Y-%m-%d", "%Y-%m", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
"""How `windows` reads words for times without being told; among others."""

FORMATS = (
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%d-%m-%Y",
    "%b %Y",
)
"""How times in words are written where it isn't ISO 8601."""

HOLES = 0.2
"""The share of steps that may be longer than usual in a series with holes; beyond it, the steps have no one length."""

LENGTHS = {"m": (60, "an hour"), "h": (48, "two days"), "d": (28, "four weeks"), "w": (60, "a year and two months")}
LENGTHS |= {"mo": (24, "two years"), "q": (12, "three years"), "y": (24, "what may hold a cycle")}
"""Steps to look back by the unit of a step, and what that is."""


@dataclass(frozen=True, slots=True)
class Series:
    """A table as series in time, and the windows to cut out of it."""

    source: dict[str, Any]
    """The table, as the recipe writes it."""
    time: str
    value: str
    group: str | None
    horizon: int
    length: int
    back: str
    """What that many steps back are, in words."""
    every: str | None = None
    """How far apart steps are, where some have no row."""
    time_format: str | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The source of a recipe."""
        more = {"group": self.group, "every": self.every, "time_format": self.time_format}
        return {
            "type": "windows",
            "of": self.source,
            "time": self.time,
            "value": self.value,
            **{key: value for key, value in more.items() if value is not None},
            "length": self.length,
            "horizon": self.horizon,
        }

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns to predict."""
        return tuple(f"t+{step}" for step in range(1, self.horizon + 1))

    @property
    def split(self) -> dict[str, Any]:
        """By time, so that nothing is judged by what was known."""
        gap = {"gap": self.horizon - 1} if self.horizon > 1 else {}
        return {"type": "time", "column": self.time, "train": 0.7, "validation": 0.15, "test": 0.15, **gap}

    def title(self, table: Table) -> str:
        """What the recipe does."""
        ahead = "one step" if self.horizon == 1 else f"{self.horizon} steps"
        what = f"Forecasts {self.value} {ahead} ahead from its last {self.length}"
        return f"{what}: {table.rows:,} windows of {table.location}."

    def lines(self) -> list[str]:
        """The source with the reasons beside its settings."""
        reasons = {
            "time": "what orders the rows",
            "value": "a list takes further columns along: [forecast, also_read, ...]",
            "group": "each of its values is a series",
            "every": "how far apart steps are; one without a row is a missing value",
            "time_format": "how the times are written",
            "length": f"{self.back}: longer sees longer cycles",
            "horizon": "steps to forecast; each is a target, and horizon - 1 the gap of the split",
        }
        return [
            "  source:",
            *(comment(entry(key, value, 4), reasons.get(key, "")) for key, value in self.settings.items()),
        ]


def look(
    source: Source,
    settings: dict[str, Any],
    target: tuple[str, ...],
    time: str | None,
    group: str | None,
    horizon: int,
) -> Series | None:
    """The series that this table holds; None where it looks like a plain one.

    It is a series where `time` names a column, or where one column holds times that are equally far apart, each in
    one row, and the target is one column of numbers.

    Raises:
        UsageError: what is named isn't there, or can't be what it should be.
    """
    import polars as pl

    rows = source.scan()
    schema = rows.collect_schema()
    names = [name for name in (time, group) if name is not None]
    unknown = [name for name in names if name not in schema]
    if unknown:
        listed = f"The columns are: {', '.join(schema)}."
        raise UsageError(*[Problem(f"there is no column '{name}'", path="DATA", suggestion=listed) for name in unknown])
    fits = len(target) == 1 and schema[target[0]].is_numeric() and schema[target[0]] != pl.Boolean
    if time is None:
        if not fits or group is not None:
            return None
        found = _times(rows, schema, target[0])
        return None if found is None else _series(rows, settings, found, target[0], None, horizon)
    if not fits:
        what = f"{len(target)} columns" if len(target) > 1 else f"'{target[0]}' holds {_words(schema[target[0]])}"
        raise UsageError(
            Problem("a forecast has one target, of numbers", path="--target", found=what, suggestion="Name one column.")
        )
    return _series(rows, settings, time, target[0], group, horizon)


def _words(dtype: pl.DataType) -> str:
    import polars as pl

    return "words" if dtype == pl.String else str(dtype).lower()


def _times(rows: pl.LazyFrame, schema: pl.Schema, target: str) -> str | None:
    """The one column of times that are equally far apart, but for a few holes; or the one column beside the target."""
    import polars as pl

    others = [name for name in schema if name != target]
    if len(others) == 1 and (schema[others[0]].is_temporal() or others[0].lower() in TIME_WORDS):
        return others[0]  # there is nothing else to learn from
    dated = [name for name, dtype in schema.items() if dtype.is_temporal() and dtype != pl.Time and name != target]
    named = [
        name for name, dtype in schema.items() if dtype.is_integer() and name != target and name.lower() in TIME_WORDS
    ]
    worded = [name for name, dtype in schema.items() if dtype == pl.String and name.lower() in TIME_WORDS]
    candidates = dated or named or worded
    if len(candidates) != 1:
        return None
    column = _as_times(rows.select(candidates[0]).collect().to_series())[0]
    if column.null_count() or column.n_unique() < len(column) or len(column) < 20:
        return None
    apart = column.sort().diff().drop_nulls()
    return candidates[0] if _is_even(apart) else None


def _is_even(apart: pl.Series) -> bool:
    """Whether steps are equally long, or months, or some of them a multiple of the others."""
    usual = apart.mode().sort()[0]
    if apart.dtype.is_temporal() and apart.dt.total_days().min() >= 28:  # type: ignore[operator]
        days = apart.dt.total_days()
        return bool(days.max() <= days.min() * 1.12)  # type: ignore[operator]
    return bool((apart != usual).mean() <= HOLES and apart.min() == usual)


def _series(
    rows: pl.LazyFrame, settings: dict[str, Any], time: str, value: str, group: str | None, horizon: int
) -> Series:
    import polars as pl

    table = rows.select([time, *([group] if group is not None else [])]).collect()
    times, form = _as_times(table[time])
    table = table.with_columns(times)
    by = [] if group is None else [group]
    ordered = table.drop_nulls().sort(*by, time)
    steps = ordered.group_by(by).len()["len"] if by else pl.Series([ordered.height])
    unit, every = _unit(ordered, time, group)
    length, back = LENGTHS.get(unit or "", (24, "steps to look back"))
    fewest = int(steps.median() or 0)  # type: ignore[arg-type]
    if length > fewest // 8:
        length, back = max(2, fewest // 8), "as many as so short a series allows"
    return Series(settings, time, value, group, horizon, length, back, every, form)


def _as_times(column: pl.Series) -> tuple[pl.Series, str | None]:
    """A column's times, and how words for them are written where `windows` has to be told."""
    import polars as pl

    if column.dtype != pl.String:
        return column, None
    shown = column.drop_nulls().head(1000)
    forms = (*ISO, *ZONED, *FORMATS)
    written = next((form for form in forms if len(shown) and not _read(shown, form).null_count()), ISO[0])
    return _read(column, written), written if written in FORMATS else None


def are_times(column: pl.Series) -> bool:
    """Whether words are times, nearly all of them."""
    return len(column) > 0 and _as_times(column)[0].null_count() <= 0.1 * len(column)


def _read(times: pl.Series, form: str) -> pl.Series:
    """Words as moments; null where they aren't written so."""
    import polars as pl

    text = times.str.strip_chars()
    if form in ZONED:
        text = text.str.replace(r"Z$", "+00:00")
        zoned = text.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC")
        return zoned.dt.replace_time_zone(None).alias(times.name).cast(pl.Datetime("us"))
    if "%d" not in form:
        text, form = "01 " + text, f"%d {form}"
    return text.str.to_datetime(form, strict=False, time_unit="us").alias(times.name)


def _unit(ordered: pl.DataFrame, time: str, group: str | None) -> tuple[str | None, str | None]:
    """The unit of a usual step, and the setting `every` where some steps have no row."""
    import polars as pl

    if not ordered[time].dtype.is_temporal():
        return None, None
    column = pl.col(time).diff()
    apart = ordered.select(column if group is None else column.over(group)).to_series().drop_nulls()
    if not len(apart):
        return None, None
    usual = apart.mode().sort()[0]
    seconds = usual.total_seconds()
    days = seconds / 86_400
    least = {"y": 360, "q": 89, "mo": 28, "w": 7, "d": 1, "h": 1 / 24, "m": 0}
    unit = next(unit for unit, length in least.items() if days >= length)
    count = {"w": days / 7, "d": days, "h": days * 24, "m": seconds / 60}.get(unit, 1)
    holes = apart.min() == usual and 0 < (apart != usual).mean() <= HOLES and unit not in ("y", "q", "mo")
    return unit, f"{int(count)}{unit}" if holes and count == int(count) else None


def forecast(draft: Draft, series: Series, table: Table, features: dict[str, Role]) -> Draft:
    """The draft for windows of a series."""
    ignored = {column: "in order, not learnt from" for column in features if column == series.time}
    if series.group is not None:
        ignored[series.group] = "each series is read in its own unit; `categorical` and a step one_hot say whose it is"
    return replace(
        draft,
        ignored=ignored,
        reasons={"none": "differences from the last value, in their own unit, are small numbers as they are"},
        network={"type": "gru", "hidden": 32, "around_last": True, "own_unit": True},
        network_reason="forecasts the change from the last value, at any level",
        optimizer={"type": "adam", "lr": 0.005},
        epochs=40,
        batch_size=32 if table.rows < 20_000 else 256,
        threads=1,
    )


def classes(draft: Draft, features: dict[str, Role]) -> Draft:
    """The draft for a class, or a number, of each row's series."""
    others = {name: role for name, role in features.items() if role in ("image", "text")}
    reason = "a network reads a series, or a text, or an image"
    return replace(
        draft,
        ignored=draft.ignored | dict.fromkeys(others, reason),
        network={"type": "gru", "hidden": 64, "bidirectional": True, "pooling": "mean", "dropout": 0.2},
        network_reason="reads series of equal or unequal lengths in both directions",
        optimizer={"type": "adam", "lr": 0.003},
        epochs=50,
        threads=1,
    )
