"""`cast`: a column in another type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from recipeline import DataError, Preprocessing, Problem, Role, State
from recipeline_plugins.preprocessing._column_types import WORDS, Kind, is_missing, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

To = Literal["number", "integer", "text", "category", "boolean", "datetime"]

ROLES: dict[To, Role] = {
    "number": "numeric",
    "integer": "numeric",
    "text": "text",
    "category": "categorical",
    "boolean": "boolean",
    "datetime": "datetime",
}

TRUE = ("true", "t", "yes", "y", "on", "1")
FALSE = ("false", "f", "no", "n", "off", "0")

ISO_FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
)
ISO_FORMATS_WITH_ZONE = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")


class Cast(Preprocessing, name="cast"):
    """Read a column as another type: text that holds numbers, 0 and 1 that mean no and yes, dates in words.

    Text is read without the white space around it. `boolean` knows true, t, yes, y, on, 1 and false, f, no, n,
    off, 0 in any case; `datetime` reads ISO 8601 (2020-12-31, 2020-12-31 23:59:59, with or without a zone, which is
    turned into UTC) or your `format`. A fraction is no integer.

    At serving: a missing value stays missing, and a value that can't be read as the new type becomes missing. In
    the train rows such a value is an error unless `invalid: missing`.

    Rahm & Do 2000, Data Cleaning: Problems and Current Approaches.
    """

    example = """
        preprocessing:
          - {type: cast, columns: zip, to: category}
          - {type: cast, columns: sold_on, to: datetime, format: "%d.%m.%Y", invalid: missing}
    """

    to: To
    """The new type. `category` is text that is coded as categories."""
    format: str | None = Field(default=None, min_length=1)
    """`datetime`: how dates are written, as in strftime: "%d.%m.%Y"."""
    invalid: Literal["error", "missing"] = "error"
    """What happens to a train value that can't be read as the new type."""

    @property
    def new_role(self) -> Role:  # type: ignore[override]  # a constant of the class elsewhere, here it follows `to`
        """The role that belongs to the new type."""
        return ROLES[self.to]

    @model_validator(mode="after")
    def _consistent(self) -> Cast:
        if self.format is not None and self.to != "datetime":
            raise ValueError(f"format belongs to to: datetime, but the new type is {self.to}")
        return self

    def fit(self, frame: pl.LazyFrame) -> State:
        """The kind of each column, after a check that its values can be read."""
        import polars as pl

        kinds = {name: kind_of(dtype) for name, dtype in frame.collect_schema().items()}
        wrong = [self._unreadable(name, kind) for name, kind in kinds.items() if kind not in SOURCES[self.to]]
        if wrong:
            raise DataError(*wrong)
        if self.invalid == "error" and kinds:
            lost = {name: self._read(name, kind).is_null() & ~is_missing(name, kind) for name, kind in kinds.items()}
            found = frame.select(
                *(bad.sum().alias(f"{name}:count") for name, bad in lost.items()),
                *(pl.col(name).filter(bad).first().alias(f"{name}:first") for name, bad in lost.items()),
            ).collect(engine="streaming")
            wrong = [
                Problem(
                    f"`cast` can't read this as {self.to}",
                    field=name,
                    found=f"{found[f'{name}:first'].item()!r}, {found[f'{name}:count'].item()} such in the train rows",
                    suggestion="Correct it with `replace` before, or write invalid: missing.",
                )
                for name in kinds
                if found[f"{name}:count"].item()
            ]
            if wrong:
                raise DataError(*wrong)
        return {name: {"kind": kind} for name, kind in kinds.items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names: Float64, Int64, String, Boolean, or Datetime in microseconds."""
        return frame.with_columns(self._read(name, learnt["kind"]).alias(name) for name, learnt in state.items())

    def _read(self, name: str, kind: Kind) -> pl.Expr:
        import polars as pl

        column = pl.col(name)
        if kind == "text":
            column = column.cast(pl.String)
            if self.to == "datetime":
                return _datetime(column.str.strip_chars(), self.format)
        return READERS[self.to](column, kind)

    def _unreadable(self, name: str, kind: Kind) -> Problem:
        advice = "Take its parts with `datetime_parts`." if kind == "datetime" else "Choose others with `columns`."
        return Problem(f"`cast` can't read {WORDS[kind]} as {self.to}", field=name, suggestion=advice)


def _number(column: pl.Expr, kind: Kind) -> pl.Expr:
    import polars as pl

    text = column.str.strip_chars() if kind == "text" else column
    return text.cast(pl.Float64, strict=False).fill_nan(None)


def _integer(column: pl.Expr, kind: Kind) -> pl.Expr:
    import polars as pl

    if kind in ("integer", "boolean", "empty"):
        return column.cast(pl.Int64, strict=False)
    number = _number(column, kind)
    whole = pl.when(number == number.round()).then(number).cast(pl.Int64, strict=False)
    if kind == "text":  # read as it stands where that is possible: a float has 53 bits
        return pl.coalesce(column.str.strip_chars().cast(pl.Int64, strict=False), whole)
    return whole


def _boolean(column: pl.Expr, kind: Kind) -> pl.Expr:
    import polars as pl

    if kind in ("boolean", "empty"):
        return column.cast(pl.Boolean)
    if kind == "text":
        word = column.str.strip_chars().str.to_lowercase()
        return pl.when(word.is_in(TRUE)).then(True).when(word.is_in(FALSE)).then(False)
    return pl.when(column == 1).then(True).when(column == 0).then(False)


def _text(column: pl.Expr, kind: Kind) -> pl.Expr:
    import polars as pl

    return (column.cast(pl.Float64).fill_nan(None) if kind == "number" else column).cast(pl.String)


def _datetime(column: pl.Expr, form: str | None) -> pl.Expr:
    """Text as a moment; each row on its own, without guessing a format from the others."""
    import polars as pl

    if form is not None:
        read = column.str.to_datetime(form, strict=False, time_unit="us")
        zoned = any(mark in form for mark in ("%z", "%:z", "%#z", "%+"))
        return read.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else read
    plain = [column.str.to_datetime(known, strict=False, time_unit="us") for known in ISO_FORMATS]
    zoned_ones = [
        column.str.to_datetime(known, strict=False, time_unit="us")
        .dt.convert_time_zone("UTC")
        .dt.replace_time_zone(None)
        for known in ISO_FORMATS_WITH_ZONE
    ]
    return pl.coalesce(*plain, *zoned_ones)


def _moment(column: pl.Expr, _kind: Kind) -> pl.Expr:
    import polars as pl

    return column.cast(pl.Datetime("us"))


READERS: dict[To, Callable[[pl.Expr, Kind], pl.Expr]] = {
    "number": _number,
    "integer": _integer,
    "text": _text,
    "category": _text,
    "boolean": _boolean,
    "datetime": _moment,
}

SOURCES: dict[To, tuple[Kind, ...]] = {
    "number": ("number", "integer", "boolean", "text", "empty"),
    "integer": ("number", "integer", "boolean", "text", "empty"),
    "text": ("number", "integer", "boolean", "text", "datetime", "empty"),
    "category": ("number", "integer", "boolean", "text", "datetime", "empty"),
    "boolean": ("number", "integer", "boolean", "text", "empty"),
    "datetime": ("datetime", "text", "empty"),
}
"""What can be read as what. Dates as numbers would be a guess at the unit."""
