"""What the engine tells a plugin about the data: its parts, its roles, its inputs, its target, its length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["numeric", "categorical", "text", "image", "series", "datetime", "boolean", "ignore"]
"""What a column is to the model. `ignore` keeps it out."""

Task = Literal["regression", "binary", "multiclass", "multilabel", "forecasting", "sequence"]
"""What is to be learnt. It decides the shape of the output, the default loss and the default metrics."""

Part = Literal["train", "validation", "test"]
"""The part of the data that a row belongs to."""

ROLES: tuple[str, ...] = get_args(Role)
TASKS: tuple[str, ...] = get_args(Task)
PARTS: tuple[Part, ...] = get_args(Part)

PADDING, BEGIN, END, UNKNOWN = range(4)
"""The codes of a sequence that stand for no token of the data: what fills a row up, what stands before its first
token, what stands after its last, and a token that the vocabulary doesn't have."""
SIGNS = ("[PAD]", "[BEGIN]", "[END]", "[UNK]")
"""How these four are written among a sequence's `classes`."""

Settings = Mapping[str, Any]
"""JSON-able settings of a plugin, as they stand in a recipe."""

State = dict[str, Any]
"""JSON-able state that a preprocessing step has learnt from the train rows."""


@dataclass(frozen=True, slots=True)
class Block:
    """One tensor of a batch: the features of one kind, side by side."""

    names: tuple[str, ...]
    """Feature names in order. Their number is the width of a table's block."""
    shape: tuple[int, ...]
    """Shape of one example, so that a batch has the shape (batch, *shape).

    An image has (channels, height, width); tokens (longest,) and series (longest, channels), where batches with
    `lengths` may be shorter, or longer when the model serves; lengths ().
    """
    cardinalities: tuple[int, ...] = ()
    """For coded categories: how many codes each column has. For tokens: the vocabulary's size, alone. Codes run from
    0 to cardinality - 1."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """What one example looks like to the architecture, by kind of block.

    A table has `numeric` (float32) and, where the architecture accepts it, `categorical` (int64 codes). Columns of
    arrays make `image`, `tokens` and `series`.
    """

    blocks: Mapping[str, Block]

    @property
    def numeric(self) -> int:
        """Width of the numeric block; 0 when there is none."""
        block = self.blocks.get("numeric")
        return math.prod(block.shape) if block else 0

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of codes of each coded column; empty when there is none."""
        block = self.blocks.get("categorical")
        return block.cardinalities if block else ()


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """What is to be predicted, as the train part shows it."""

    task: Task
    columns: tuple[str, ...]
    """The target columns' names."""
    classes: tuple[Any, ...] = ()
    """The classes in the source's own words, sorted; the index is the code. For `multilabel` the labels. For
    `sequence` the tokens, after the four of `SIGNS`."""
    class_counts: tuple[int, ...] = ()
    """How many train rows each class has."""
    longest: int = 0
    """Of a sequence: the most tokens that a train row has, and the most that an answer may have; no sign counts."""
    separator: str = " "
    """Of a sequence: what stands between two tokens of a text."""

    @property
    def outputs(self) -> int:
        """Width of the network's output: one a class, label or token, one a target column otherwise."""
        return len(self.classes) if self.classes else len(self.columns)

    @property
    def is_classes(self) -> bool:
        """Whether exactly one of several classes is right."""
        return self.task in ("binary", "multiclass")

    def text(self, codes: Iterable[int]) -> str:
        """The text of a sequence's codes, up to its end or its padding."""
        words = []
        for code in codes:
            if code in (PADDING, END):
                break
            words.append(str(self.classes[code]))
        return self.separator.join(words)


@dataclass(frozen=True, slots=True)
class Length:
    """How long the training is, for schedules that depend on it."""

    epochs: int
    steps_per_epoch: int
    """Optimizer steps in an epoch, after accumulation."""

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training."""
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True, slots=True)
class Results:
    """What a finished run has to show, for reports."""

    target: TargetSpec
    history: Mapping[str, list[tuple[int, float]]]
    """Metric name -> (epoch, value) pairs, epochs from 1."""
    metrics: Mapping[str, float]
    """`test/<metric>` and the other numbers that a run has once."""
    truth: Any = None
    """Test targets: class indices (rows,), values (rows, targets) in the original unit, or a sequence's codes (rows,
    steps), filled up with 0. NumPy."""
    prediction: Any = None
    """Test predictions: probabilities (rows, classes), values (rows, targets) in the original unit, or a sequence's
    codes (rows, steps). NumPy."""
    part: Part = "test"
    """The part that `truth` and `prediction` come from: the validation part when there is no test part."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    raw_rows: Callable[[list[int]], Any] | None = None
    """Places among the rows of `truth` -> these rows as they are in the source, without the target; polars."""
