import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.cosine_restarts import CosineRestarts

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = CosineRestarts.model_validate(settings)

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
    found = rates({"first": 2.0, "growth": 2, "min": 0.1}, 60)
    curve = [0.3 * (0.1 + 0.45 * (1 + math.cos(math.pi * t / n))) for n in (10, 20, 40) for t in range(n)]
    assert found == pytest.approx(curve[:60], rel=1e-12)
    settings = {"T_0": 10, "T_mult": 2, "eta_min": 0.03}
    assert found == pytest.approx(torchs(torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, 60, **settings))


def test_equal_periods_and_fractions_of_an_epoch() -> None:
    assert rates({"first": 0.6, "growth": 1}, 9) == pytest.approx([0.3, 0.225, 0.075] * 3, rel=1e-12)


def test_a_period_has_one_step_at_least() -> None:
    assert rates({"first": 0.01, "growth": 1}, 3) == [0.3, 0.3, 0.3]


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {"first": 1.0}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"first": 0.0}, "greater than 0"),
        ({"growth": 0}, "greater than 0"),
        ({"min": -0.1}, "greater than or equal to 0"),
        ({"min": 1.1}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CosineRestarts.model_validate(settings)
