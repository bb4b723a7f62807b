from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.step import Step, factor

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    scheduler = Step.model_validate(settings).build(optimizer, LENGTH)
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
    found = rates({"every": 4, "gamma": 0.5}, 12)
    assert found == pytest.approx([0.3] * 4 + [0.15] * 4 + [0.075] * 4, rel=1e-12)
    assert found == pytest.approx(torchs(torch.optim.lr_scheduler.StepLR, 12, step_size=4, gamma=0.5), rel=1e-12)
    assert Step.interval == "epoch"


def test_falling_every_epoch_is_exponential() -> None:
    assert [factor(epoch, 1, 0.7) for epoch in range(5)] == [0.7**epoch for epoch in range(5)]


def test_a_gamma_of_one_never_falls() -> None:
    assert rates({"every": 2, "gamma": 1.0}, 12) == [0.3] * 12


def test_by_step_it_follows_the_same_form() -> None:
    settings = {"every": 2, "per": "step"}
    assert Step.model_validate(settings).moves() == "step"
    assert rates(settings, 12) == rates({**settings, "per": "epoch"}, 12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"per": "batch"}, "'epoch' or 'step'"),
        ({"every": 0}, "greater than 0"),
        ({"every": 2.5}, "valid integer"),
        ({"gamma": 0.0}, "greater than 0"),
        ({"gamma": 1.1}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Step.model_validate(settings)
