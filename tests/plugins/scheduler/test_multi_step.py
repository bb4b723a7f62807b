from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.multi_step import MultiStep

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = MultiStep.model_validate(settings)

    def build() -> tuple[torch.optim.Optimizer, Any]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
        return optimizer, plugin.build(optimizer, length)

    optimizer, scheduler = build()
    found = []
    for move in range(moves):
        if move == break_at:
            states = optimizer.state_dict(), scheduler.state_dict()
            optimizer, scheduler = build()
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
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
    found = rates({"at": [3, 7], "gamma": 0.5}, 12)
    assert found == pytest.approx([0.3] * 3 + [0.15] * 4 + [0.075] * 5, rel=1e-12)
    assert found == pytest.approx(torchs(torch.optim.lr_scheduler.MultiStepLR, 12, milestones=[3, 7], gamma=0.5))


def test_counts_what_per_says() -> None:
    assert MultiStep(at=[3]).moves() == "epoch"
    assert MultiStep(at=[3], per="step").moves() == "step"


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {"at": [3, 30]}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Field required"),
        ({"at": []}, "at least 1 item"),
        ({"at": [0]}, "greater than 0"),
        ({"at": [5, 5]}, r"at has to rise from each to the next, for instance \[5\]"),
        ({"at": [7, 3]}, r"for instance \[3, 7\]"),
        ({"at": [3], "gamma": 0.0}, "greater than 0"),
        ({"at": [3], "per": "batch"}, "'epoch' or 'step'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MultiStep.model_validate(settings)
