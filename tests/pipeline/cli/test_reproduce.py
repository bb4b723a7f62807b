"""`recipeline reproduce`: what is shown of a comparison."""

from datetime import UTC, datetime

import pytest

from recipeline import reproducing
from recipeline.cli.main import main
from recipeline.explaining import Difference
from recipeline.recipe.load import parse
from recipeline.reproducing import Reproduction
from recipeline.runner import RunResult
from recipeline.tracking.closeness import closeness
from recipeline.tracking.find import FoundRun

OLD, NEW = "a" * 32, "b" * 32


@pytest.fixture
def came_to(monkeypatch):
    """Let a reproduction come to these curves."""

    def set_up(then, now, *differences, notes=(), weights=None):
        run = FoundRun(OLD, "iris", "iris", "FINISHED", datetime.now(UTC), {}, {}, {}, "", None, None, "sqlite:///x.db")
        recipe = parse("name: a\ndata: {source: {type: csv, path: a.csv}, target: b}\narchitecture: mlp\n", "r").recipe
        result = RunResult(NEW, "FINISHED", {}, "models:/m-1", "sqlite:///x.db", 2.0)
        found = [Difference("data", text) for text in differences]
        done = Reproduction(run, recipe, closeness(then, now), found, list(notes), result, weights)
        monkeypatch.setattr(reproducing, "reproduce", lambda *_, **__: done)

    return set_up


def said(capsys, *arguments):
    code = main(["reproduce", "iris", "-q", *arguments])
    return code, [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_identical(came_to, capsys):
    came_to(*[{"test/loss": {0: 0.5}, "val/loss": {1: 1.0, 2: 0.5}}] * 2)
    code, lines = said(capsys)
    assert code == 0
    assert f"iris: the run {OLD[:8]}, run again in 2.0 s" in lines
    assert "test/loss 0.5 0.5 identical" in lines
    assert "val/loss 0.5 0.5 identical, all 2 values" in lines
    assert "Identical: all 2 metrics, 3 values, to the last digit." in lines
    assert lines[-1].endswith(f"recipeline compare {OLD[:8]} {NEW[:8]}")


@pytest.mark.parametrize(
    ("now", "differences", "code", "words"),
    [
        ("w", [], 0, "Identical: all 1 metrics, 1 values, to the last digit, and the weights to the last bit."),
        (
            "v",
            [],
            1,
            "Not identical: all 1 metrics are, and the weights of the best epoch are not. Nothing that is ",
        ),
        ("v", ["torch was 1 and is 2"], 0, "weights of the best epoch are not. What differs besides, and may be the r"),
    ],
)
def test_weights_count_too(now, differences, code, words, came_to, capsys):
    came_to({"test/loss": {0: 0.5}}, {"test/loss": {0: 0.5}}, *differences, weights=("w", now))
    found, lines = said(capsys)
    assert found == code
    assert words in "\n".join(lines)


def test_identical_all_the_same(came_to, capsys):
    came_to({"test/loss": {0: 0.5}}, {"test/loss": {0: 0.5}}, "torch was 1 and is 2", notes=["git: elsewhere"])
    code, lines = said(capsys)
    assert code == 0
    assert "Identical: all 1 metrics, 1 values, to the last digit. This differs all the same:" in lines
    assert lines.index("torch was 1 and is 2") < lines.index("To know besides:") < lines.index("git: elsewhere")


def test_different_and_why(came_to, capsys):
    came_to(
        {"test/loss": {0: 0.5}, "val/loss": {1: 1.0, 2: 0.5}, "test/f1": {0: 1.0}},
        {"test/loss": {0: 0.505}, "val/loss": {1: 1.0, 2: 0.4}},
        "the data have been changed: row 18",
    )
    code, lines = said(capsys)
    assert code == 0
    assert "test/loss 0.5 0.505 0.005 (0.99 %)" in lines
    assert "val/loss 0.5 0.4 0.1 (20 %) at most, 1 of 2 values, from epoch 2 on" in lines
    assert "test/f1 1 - in one of the two only" in lines
    verdict = "Not identical: 3 of 3 metrics differ, by 20 % at most (val/loss). What differs besides, and may be the"
    assert any(line.startswith(verdict) for line in lines)
    assert "the data have been changed: row 18" in lines


def test_without_a_reason(came_to, capsys):
    came_to({"test/loss": {0: 0.5}}, {"test/loss": {0: 0.25}})
    code, lines = said(capsys)
    assert code == 1
    assert any("Nothing that is known differs: recipe, data, split, code, plugins" in line for line in lines)
    assert main(["reproduce", "iris", "-q", "--json"]) == 1
    assert '"outcome": "unexplained"' in capsys.readouterr().out


def test_the_run_must_be_named(capsys):
    assert main(["reproduce"]) == 2
    assert "recipeline reproduce: RUN is missing" in capsys.readouterr().err
