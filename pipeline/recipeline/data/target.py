"""The target column as numbers: class codes, yes or no, or values."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from recipeline.data.batched import Batched
from recipeline.errors import DataError, Problem
from recipeline.families.spec import TargetSpec, Task

if TYPE_CHECKING:
    import polars as pl

OF_NUMBERS: tuple[Task, ...] = ("regression", "forecasting")
"""The tasks whose targets are numbers."""


def describe(task: Task, names: tuple[str, ...], train: Batched) -> TargetSpec:
    """What is to be predicted, as the train rows show it.

    Args:
        task: What is to be learnt.
        names: The target columns.
        train: The train rows; one pass over them, if any.
    """
    import polars as pl

    if task in ("binary", "multiclass"):
        found: Counter[Any] = Counter()
        for batch in train.of(names):
            found.update(dict(batch.to_series().value_counts(sort=False).iter_rows()))
        classes = tuple(sorted(found))
        return TargetSpec(task, names, classes, tuple(found[label] for label in classes))
    if task == "multilabel":
        ones = [batch.select(pl.all().cast(pl.Int64).sum()).row(0) for batch in train.of(names)]
        return TargetSpec(task, names, names, tuple(map(sum, zip(*ones, strict=True))))
    return TargetSpec(task, names)


def encode(spec: TargetSpec, target: pl.DataFrame, location: str, rows: np.ndarray) -> np.ndarray:
    """The target as an array: codes int64 (rows,), labels float32 (rows, labels), or values float64 (rows, targets).

    Args:
        spec: What is to be predicted.
        target: The target columns of these rows.
        location: What errors call the data.
        rows: Each row's number in the source, from 0.

    Raises:
        DataError: a class is none of the train part's, or a label isn't 0 or 1.
    """
    import polars as pl

    if spec.is_classes:
        labels = target.to_series()
        known = list(spec.classes)
        if labels.dtype == pl.String:  # in half the time
            codes = labels.cast(pl.Enum(known), strict=False).to_physical().cast(pl.Int64)
        else:
            codes = labels.replace_strict(known, list(range(len(known))), default=None, return_dtype=pl.Int64)
        if codes.null_count():
            row = codes.is_null().arg_true()[0]
            raise DataError(
                Problem(
                    "this class doesn't occur among the train rows that preprocessing keeps",
                    file=location,
                    row=int(rows[row]) + 1,
                    field=spec.columns[0],
                    found=repr(labels[row]),
                    suggestion="Leave fewer rows out, or take this class out of the data.",
                )
            )
        return codes.to_numpy()
    values = np.ascontiguousarray(target.cast(pl.Float64).to_numpy())
    if spec.task == "multilabel":
        strange = (values != 0) & (values != 1)
        if strange.any():
            row, column = (int(place[0]) for place in np.nonzero(strange))
            raise DataError(
                Problem(
                    "a label is 0 or 1",
                    file=location,
                    row=int(rows[row]) + 1,
                    field=spec.columns[column],
                    found=f"{values[row, column]:g}",
                )
            )
        return values.astype(np.float32)
    return values


def constant(target: pl.DataFrame, train: np.ndarray) -> list[str]:
    """What to say of a number to be learnt that is the same in every train row."""
    import polars as pl

    learnt = target.filter(pl.Series(train))
    same = [column for column in learnt if len(column) > 1 and column.n_unique() == 1]
    return [
        f"The target '{column.name}' is {column[0]:g} in every train row: there is nothing to learn but that number. "
        "Choose another data.target, or look at how the rows were made."
        for column in same
    ]
