"""The task read off the target, with its reason."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from recipeline.data import task as tasks
from recipeline.errors import DataError
from recipeline.families.spec import Task


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["yes", "no"], "binary"),
        (["a", "b", "c"], "multiclass"),
        ([True, False], "binary"),
        ([0, 1, 1], "binary"),
        ([1, 2, 1], "binary"),
        ([0.0, 1.0], "binary"),
        ([0, 1, 2, 3], "multiclass"),
        ([1, 2, 3], "multiclass"),
        ([2, 3, 4], "regression"),
        (list(range(21)), "regression"),
        ([0, 2, 4], "regression"),
        ([0, 5], "regression"),
        ([0.0, 0.5], "regression"),
        ([1.5, 2.5, 3.5], "regression"),
    ],
)
def test_one_target(cells: list[Any], task: Task) -> None:
    found, reason = tasks.infer(pl.LazyFrame({"y": cells}), ("y",), "x.csv")
    assert found == task
    assert reason.startswith(f"Task: {task}, because")
    assert "data.task" in reason


def test_one_word_is_said_as_one() -> None:
    reason = tasks.infer(pl.LazyFrame({"y": ["yes", "yes"]}), ("y",), "x.csv")[1]
    assert reason.startswith("Task: binary, because the target 'y' holds one word only. ")


def test_many_texts_of_several_words_are_sequences() -> None:
    texts = [f"w{n} v" for n in range(1001)] + ["one"] * 1000
    found, reason = tasks.infer(pl.LazyFrame({"y": texts}), ("y",), "x.csv")
    assert found == "sequence"
    assert reason.startswith(
        "Task: sequence, because the target 'y' holds 1,002 different texts, most of them of several"
    )


@pytest.mark.parametrize(
    ("columns", "task"),
    [
        ({"a": [0, 1], "b": [True, False]}, "multilabel"),
        ({"a": [0, 1], "b": [0.5, 2.0]}, "regression"),
    ],
)
def test_several_targets(columns: dict[str, list[Any]], task: Task) -> None:
    assert tasks.infer(pl.LazyFrame(columns), ("a", "b"), "x.csv")[0] == task


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"y": [date(2024, 1, 1)]}, "dates can't be predicted"),
        ({"y": [f"w{n}" for n in range(1001)]}, "too many different words.*or sequence if they are to be spelt"),
        ({"y": [1, 2], "z": ["a", "b"]}, "several targets must all be numbers"),
    ],
)
def test_targets_that_cannot_be_learnt(columns: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        tasks.infer(pl.LazyFrame(columns), tuple(columns), "x.csv")


@pytest.mark.parametrize(
    ("task", "columns", "words"),
    [
        ("regression", {"y": ["a"]}, "needs a target of numbers"),
        ("multilabel", {"y": ["a"], "z": [1]}, "needs a target of 0 and 1"),
        ("binary", {"y": [1], "z": [1]}, "has one target"),
        ("multiclass", {"y": [date(2024, 1, 1)]}, "dates can't be classes"),
        ("sequence", {"y": [1]}, "the task sequence needs a target of text.*found int64"),
        ("sequence", {"y": ["a"], "z": ["b"]}, "the task sequence has one target"),
        ("forecasting", {"y": [1.0]}, "forecasting needs the past values in each row"),
    ],
)
def test_a_declared_task_is_held_against_the_target(task: Task, columns: dict[str, list[Any]], words: str) -> None:
    with pytest.raises(DataError, match=words):
        tasks.check(task, pl.DataFrame(columns).schema, tuple(columns), "x.csv")


def test_words_that_have_been_counted_need_no_look() -> None:
    words = {"y": pl.DataFrame({"word": ["a", "b", "c"], "rows": [1, 1, 1]})}
    assert tasks.infer(pl.LazyFrame({"y": ["a", "b", None]}), ("y",), "rows", words)[0] == "multiclass"
    assert tasks.infer(pl.LazyFrame({"y": ["a", "b", None]}), ("y",), "rows")[0] == "binary"
