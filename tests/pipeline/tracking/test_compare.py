"""What differs between runs."""

from datetime import UTC, datetime

import pytest

from recipeline.catalog import installed
from recipeline.tracking.compare import compare, higher_is_better
from recipeline.tracking.find import FoundRun


def found(run_id, params=None, metrics=None, tags=None, digest=None):
    started = datetime(2026, 1, 2, tzinfo=UTC)
    return FoundRun(
        run_id,
        "census",
        "one",
        "FINISHED",
        started,
        params or {},
        metrics or {},
        tags or {},
        "",
        None,
        digest,
        "sqlite",
    )


ONE = found(
    "a",
    {"seed": "1", "optimizer": "adam", "optimizer.beta1": "0.9"},
    {"test/accuracy": 0.9, "test/loss": 0.5, "lr": 0.1, "system/cpu": 3.0, "val/loss": 0.4},
    {"recipeline.git_commit": "c1", "recipeline.version": "0.1.0", "mlflow.user": "x"},
    "d1",
)
OTHER = found(
    "b",
    {"seed": "1", "optimizer": "sgd", "optimizer.momentum": "0.9"},
    {"test/accuracy": 0.95, "test/loss": 0.5, "lr": 0.2},
    {"recipeline.git_commit": "c2", "recipeline.version": "0.1.0", "mlflow.user": "y"},
    "d2",
)


def test_only_what_differs_is_shown():
    both = compare([ONE, OTHER], installed())
    assert both.params == {
        "optimizer": ("adam", "sgd"),
        "optimizer.beta1": ("0.9", None),
        "optimizer.momentum": (None, "0.9"),
    }
    assert both.data == {"fingerprint": ("d1", "d2")}
    assert both.code == {"recipeline.git_commit": ("c1", "c2")}


def test_metrics_stand_side_by_side_tests_first_with_differences_and_the_best():
    both = compare([ONE, OTHER], installed())
    assert list(both.metrics) == ["test/accuracy", "test/loss", "val/loss", "lr"]
    assert both.metrics["val/loss"] == (0.4, None)
    assert both.best == {"test/accuracy": 1}, "equal ones, one alone, and a rate have no best"
    assert both.difference("test/accuracy") == (0.0, pytest.approx(0.05))
    assert both.difference("val/loss") == (0.0, None)


def test_less_loss_is_better():
    less = found("c", metrics={"test/loss": 0.1})
    assert compare([ONE, OTHER, less], installed()).best["test/loss"] == 2


def test_runs_that_are_the_same_have_no_differences():
    same = compare([ONE, ONE], installed())
    assert (same.params, same.data, same.code) == ({}, {}, {})


@pytest.mark.parametrize(
    ("name", "higher"),
    [
        ("test/accuracy", True),
        ("val/rmse", False),
        ("best/val/loss", False),
        ("lr", None),
        ("time/fit_seconds", None),
        ("model/parameters", None),
        ("train/examples_per_second", None),
        ("test/of_another_tool", None),
    ],
)
def test_whether_more_is_better_is_the_metrics_own_word(name, higher):
    assert higher_is_better(name, installed()) is higher


def test_the_document_gives_everything_by_run():
    document = compare([ONE, OTHER], installed()).as_dict()
    assert [run["run_id"] for run in document["runs"]] == ["a", "b"]
    assert document["params"]["optimizer"] == {"a": "adam", "b": "sgd"}
    assert document["metrics"]["val/loss"] == {"a": 0.4, "b": None}
    assert document["differences"]["test/accuracy"] == {"a": 0.0, "b": pytest.approx(0.05)}
    assert document["best"] == {"test/accuracy": "b"}
