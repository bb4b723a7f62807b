from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.exponential import Exponential, factor

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    scheduler = Exponential.model_validate(settings).build(optimizer, LENGTH)
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
    found = rates({"gamma": 0.8}, 12)
    assert found == pytest.approx([0.3 * 0.8**epoch for epoch in range(12)], rel=1e-12)
    assert found == pytest.approx(torchs(torch.optim.lr_scheduler.ExponentialLR, 12, gamma=0.8), rel=1e-12)
    assert Exponential.interval == "epoch"


def test_a_gamma_of_one_never_falls() -> None:
    assert rates({"gamma": 1.0}, 12) == [0.3] * 12
    assert factor(1000, 1.0) == 1


def test_by_step_it_follows_the_same_form() -> None:
    settings = {"gamma": 0.8, "per": "step"}
    assert Exponential.model_validate(settings).moves() == "step"
    assert rates(settings, 12) == rates({**settings, "per": "epoch"}, 12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"per": "batch"}, "'epoch' or 'step'"),
        ({"gamma": 0.0}, "greater than 0"),
        ({"gamma": 1.1}, "less than or equal to 1"),
        ({"gamma": "0.9"}, "valid number"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Exponential.model_validate(settings)
