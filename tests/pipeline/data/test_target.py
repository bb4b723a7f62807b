"""Targets as numbers, with classes in the source's own words."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from recipeline.data import batched
from recipeline.data import target as targets
from recipeline.data.batched import Batched
from recipeline.errors import DataError
from recipeline.families.spec import Task

TRAIN = np.array([True, True, True, False])
ROWS = np.array([10, 11, 12, 13])


@pytest.mark.parametrize(
    ("cells", "classes", "counts"),
    [
        (["b", "a", "b", "a"], ("a", "b"), (1, 2)),
        ([3, 1, 3, 1], (1, 3), (1, 2)),
        ([True, False, True, True], (False, True), (1, 2)),
        ([0.5, 1.0, 1.0, 0.5], (0.5, 1.0), (1, 2)),
    ],
)
@pytest.mark.parametrize("together", [1, 2, 100])
def test_classes_are_the_sorted_labels_of_the_train_rows(
    cells: list[Any], classes: Any, counts: Any, together: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batched, "BATCH_ROWS", together)
    frame = pl.DataFrame({"y": cells})
    spec = targets.describe("multiclass", ("y",), Batched(frame.lazy(), TRAIN))
    assert (spec.classes, spec.class_counts) == (classes, counts)
    codes = targets.encode(spec, frame, "x.csv", ROWS)
    assert codes.dtype == np.int64
    assert [spec.classes[code] for code in codes] == cells


def test_a_class_unknown_to_train_is_named_by_its_row() -> None:
    frame = pl.DataFrame({"y": ["a", "b", "a", "c"]})
    spec = targets.describe("multiclass", ("y",), Batched(frame.lazy(), TRAIN))
    assert spec.classes == ("a", "b")
    with pytest.raises(DataError, match=r"row 14, column 'y'.*found 'c'"):
        targets.encode(spec, frame, "x.csv", ROWS)


@pytest.mark.parametrize("together", [1, 2, 100])
def test_labels_are_zero_or_one(together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched, "BATCH_ROWS", together)
    frame = pl.DataFrame({"a": [0, 1, 1, 0], "b": [True, False, False, False]})
    spec = targets.describe("multilabel", ("a", "b"), Batched(frame.lazy(), TRAIN))
    assert (spec.classes, spec.class_counts, spec.outputs) == (("a", "b"), (2, 1), 2)
    assert targets.encode(spec, frame, "x.csv", ROWS).dtype == np.float32
    with pytest.raises(DataError, match=r"row 12, column 'a': a label is 0 or 1 \(found 2\)"):
        targets.encode(spec, frame.with_columns(a=pl.Series([0, 2, 1, 0])), "x.csv", np.array([10, 11, 12, 13]))


@pytest.mark.parametrize("task", ["regression"])
def test_values_keep_their_columns_order(task: Task) -> None:
    frame = pl.DataFrame({"b": [1, 2, 3, 4], "a": [0.5, 1.5, 2.5, 3.5]})
    spec = targets.describe(task, ("b", "a"), Batched(frame.lazy(), TRAIN))
    assert (spec.columns, spec.classes, spec.outputs) == (("b", "a"), (), 2)
    assert targets.encode(spec, frame, "x.csv", ROWS).tolist() == [[1, 0.5], [2, 1.5], [3, 2.5], [4, 3.5]]
