import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.cosine import Cosine, factor

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    scheduler = Cosine.model_validate(settings).build(optimizer, LENGTH)
    found = []
    for _ in range(moves):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


def torchs(scheduler: type[torch.optim.lr_scheduler.LRScheduler], moves: int, **settings: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    reference = scheduler(optimizer, **settings)
    found = []
    for _ in range(moves):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
    return found


def test_equals_the_closed_form_and_torch() -> None:
    found = rates({"min": 0.1}, 60)
    curve = [0.3 * (0.1 + 0.45 * (1 + math.cos(math.pi * step / 60))) for step in range(60)]
    assert found == pytest.approx(curve, rel=1e-12)
    settings = {"T_max": 60, "eta_min": 0.03}
    assert found == pytest.approx(torchs(torch.optim.lr_scheduler.CosineAnnealingLR, 60, **settings), rel=1e-9)
    assert Cosine.interval == "step"


def test_stays_at_the_end_and_does_not_rise_again() -> None:
    assert rates({"min": 0.1}, 70)[60:] == pytest.approx([0.03] * 10, rel=1e-12)


def test_a_minimum_of_one_never_falls() -> None:
    assert rates({"min": 1.0}, 60) == [0.3] * 60
    assert factor(0, 0, 0.5) == 1


def test_by_epoch_it_has_as_many_moves_as_epochs() -> None:
    assert Cosine.model_validate({"per": "epoch"}).moves() == "epoch"
    assert rates({"per": "epoch"}, 12) == pytest.approx(rates({}, 60)[::5], rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"per": "batch"}, "'epoch' or 'step'"),
        ({"min": -0.1}, "greater than or equal to 0"),
        ({"min": 1.1}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Cosine.model_validate(settings)
