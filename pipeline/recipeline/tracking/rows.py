"""What a run tells MLflow, piece by piece: each is a line of its journal, and sent in the background."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from typing import Any, Literal, NamedTuple

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


class MetricRow(NamedTuple):
    """One point of a curve.

    A tuple, as one is made at each step that logs, in the thread that trains.
    """

    key: str
    value: float
    timestamp: int
    """Milliseconds since 1970, when it was logged."""
    step: int


@dataclass(frozen=True, slots=True)
class ParamRow:
    """One param, which can't be changed once it is sent."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class TagRow:
    """One tag; the last one sent counts."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class FileRow:
    """One artifact, kept beside the journal until it is sent."""

    key: str
    """Its path in MLflow."""
    file: str
    """Where it is kept, from the journal's folder."""
    size: int
    """Its bytes, by which a file that a power cut has emptied is known."""


@dataclass(frozen=True, slots=True)
class InputRow:
    """The data set that a run reads."""

    key: str
    """Its name."""
    digest: str
    source_type: str
    source: str
    schema: str
    profile: str
    context: str


@dataclass(frozen=True, slots=True)
class ModelRow:
    """A model that could not be logged while the run was under way."""

    key: str
    """The folder with what MLflow is to log, as `write_bundle` wrote it; from the journal's folder."""
    example: str
    """A Parquet file with a few raw rows; from the journal's folder."""
    nullable: list[str]
    register_as: str | None
    served: str
    """The model's address until then, which stands in the run's description."""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """The run's status from here on."""

    key: Status
    timestamp: int
    """Milliseconds since 1970, when it became so."""


Row = MetricRow | ParamRow | TagRow | FileRow | InputRow | ModelRow | StatusRow

_KINDS: dict[str, type[Row]] = {
    "metric": MetricRow,
    "param": ParamRow,
    "tag": TagRow,
    "file": FileRow,
    "input": InputRow,
    "model": ModelRow,
    "status": StatusRow,
}
_WORDS: dict[type[Row], str] = {kind: word for word, kind in _KINDS.items()}
_VALUES = {kind: attrgetter(*(field.name for field in fields(kind))) for kind in _KINDS.values() if is_dataclass(kind)}
"""`astuple` copies all it finds, in several times the time."""


def is_small(row: Row) -> bool:
    """Whether many of its kind go into one request."""
    return isinstance(row, MetricRow | ParamRow | TagRow)


def as_list(row: Row) -> list[Any]:
    """The row as JSON can hold it, its kind first."""
    values = row if isinstance(row, MetricRow) else _VALUES[type(row)](row)
    return [_WORDS[type(row)], *values]


def from_list(values: list[Any]) -> Row:
    """The row that `as_list` wrote.

    Raises:
        KeyError, TypeError: it is none.
    """
    return _KINDS[values[0]](*values[1:])


def in_words(rows: list[Row]) -> str:
    """What these are, such as `12 metrics, 1 tag and the status FINISHED`."""
    names = {MetricRow: "metric", ParamRow: "param", TagRow: "tag", FileRow: "file"}
    counts = {name: sum(isinstance(row, kind) for row in rows) for kind, name in names.items()}
    said = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    said += [f"the data set '{row.key}'" for row in rows if isinstance(row, InputRow)]
    said += ["the model" for row in rows if isinstance(row, ModelRow)]
    said += [f"the status {row.key}" for row in rows if isinstance(row, StatusRow)][-1:]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
