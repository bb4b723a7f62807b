from collections.abc import Sequence
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length, RecipeError
from recipeline_plugins.scheduler.plateau import Plateau


def rates(values: Sequence[float], **settings: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    scheduler: Any = Plateau.model_validate(settings).build(optimizer, Length(len(values), 1))
    found = []
    for value in values:
        optimizer.step()
        scheduler.step(value)
        found.append(optimizer.param_groups[0]["lr"])
    return found


def by_hand(values: Sequence[float], factor: float, patience: int, min_delta: float, min_lr: float) -> list[float]:
    lr, best, waited, found = 1.0, float("inf"), 0, []
    for value in values:
        if value < best - min_delta:
            best, waited = value, 0
        else:
            waited += 1
        if waited > patience:
            lr, waited = max(lr * factor, min_lr), 0
        found.append(lr)
    return found


VALUES = [1.0, 0.9, 0.95, 0.94, 0.93, 0.92, 0.8, 0.79, 0.79, 0.81, 0.8, 0.8, 0.85, 0.9, 0.9]


@pytest.mark.parametrize("patience", [0, 2, 3])
@pytest.mark.parametrize("min_delta", [0.0, 0.05])
@pytest.mark.parametrize("min_lr", [0.0, 0.3])
def test_follows_the_rule(patience: int, min_delta: float, min_lr: float) -> None:
    settings = {"factor": 0.5, "patience": patience, "min_delta": min_delta, "min_lr": min_lr}
    found = rates(VALUES, **settings)
    assert found == pytest.approx(by_hand(VALUES, **settings), rel=1e-12)


def test_never_falls_while_the_metric_improves() -> None:
    assert rates([1.0, 0.9, 0.8, 0.7], patience=0) == [1.0] * 4


def test_a_tiny_rate_still_falls() -> None:
    assert rates([1.0] * 12, patience=0, factor=0.1)[-1] == pytest.approx(1e-11, rel=1e-9)


@pytest.mark.parametrize(("monitor", "falls"), [("val/accuracy", False), ("val/loss", True), ("val/rmse", True)])
def test_knows_whether_more_is_better(monitor: str, falls: bool) -> None:
    assert (rates([0.5, 0.6, 0.7], monitor=monitor, patience=0)[-1] < 1) is falls
    assert Plateau(monitor=monitor).monitors() == monitor


def test_a_stated_mode_counts() -> None:
    assert rates([0.5, 0.6, 0.7], monitor="val/something", mode="max", patience=0) == [1.0] * 3


def test_an_unknown_metric_needs_a_mode() -> None:
    with pytest.raises(RecipeError, match="'somethin'"):
        rates([1.0], monitor="val/somethin")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"factor": 1.0}, "less than 1"),
        ({"factor": 0.0}, "greater than 0"),
        ({"patience": -1}, "greater than or equal to 0"),
        ({"mode": "up"}, "'auto', 'min' or 'max'"),
        ({"min_lr": -1.0}, "greater than or equal to 0"),
        ({"min_delta": -1.0}, "greater than or equal to 0"),
        ({"monitor": ""}, "at least 1 character"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Plateau.model_validate(settings)
