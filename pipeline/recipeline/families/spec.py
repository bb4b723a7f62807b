"""What the engine tells a plugin about the data: its parts, its roles, its inputs, its target, its length."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

Role = Literal["numeric", "categorical", "text", "image", "series", "datetime", "boolean", "ignore"]
"""What a column is to the model. `ignore` keeps it out."""

Task = Literal["regression", "binary", "multiclass", "multilabel", "forecasting"]
"""What is to be learnt. It decides the shape of the output, the default loss and the default metrics."""

Part = Literal["train", "validation", "test"]
"""The part of the data that a row belongs to."""

ROLES: tuple[str, ...] = get_args(Role)
TASKS: tuple[str, ...] = get_args(Task)
PARTS: tuple[Part, ...] = get_args(Part)

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
    """The classes in the source's own words, sorted; the index is the code. For `multilabel` the labels."""
    class_counts: tuple[int, ...] = ()
    """How many train rows each class has."""

    @property
    def outputs(self) -> int:
        """Width of the network's output: one a class or label, one a target column otherwise."""
        return len(self.classes) if self.classes else len(self.columns)

    @property
    def is_classes(self) -> bool:
        """Whether exactly one of several classes is right."""
        return self.task in ("binary", "multiclass")


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
    """Test targets: class indices (rows,), or values (rows, targets) in the original unit. NumPy."""
    prediction: Any = None
    """Test predictions: probabilities (rows, classes), or values (rows, targets) in the original unit. NumPy."""
    part: Part = "test"
    """The part that `truth` and `prediction` come from: the validation part when there is no test part."""
    extra: Mapping[str, Any] = field(default_factory=dict)
