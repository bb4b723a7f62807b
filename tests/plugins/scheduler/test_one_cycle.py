import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.one_cycle import OneCycle

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = OneCycle.model_validate(settings)

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


@pytest.mark.parametrize(("shape", "strategy"), [("cosine", "cos"), ("linear", "linear")])
@pytest.mark.parametrize("rise", [0.3, 0.5])
def test_equals_torch(shape: str, strategy: str, rise: float) -> None:
    found = rates({"rise": rise, "div": 10.0, "final_div": 100.0, "shape": shape}, 60)
    settings = {"max_lr": 0.3, "total_steps": 60, "pct_start": rise, "div_factor": 10.0, "final_div_factor": 100.0}
    reference = torchs(
        torch.optim.lr_scheduler.OneCycleLR, 59, **settings, anneal_strategy=strategy, cycle_momentum=False
    )
    assert found[:59] == pytest.approx(reference, rel=1e-9)
    assert found[59] == pytest.approx(0.3 / 1000)


def test_the_closed_form_by_straight_lines() -> None:
    found = rates({"rise": 0.5, "div": 10.0, "final_div": 10.0, "shape": "linear"}, 60)
    up = [0.03 + 0.27 * step / 29 for step in range(30)]
    down = [0.3 + (0.003 - 0.3) * (step - 29) / 30 for step in range(30, 60)]
    assert found == pytest.approx(up + down, rel=1e-12)


def test_the_closed_form_by_cosines() -> None:
    found = rates({"rise": 0.5, "div": 10.0, "final_div": 10.0}, 60)
    up = [0.03 + 0.27 * (1 - math.cos(math.pi * step / 29)) / 2 for step in range(30)]
    down = [0.003 + 0.297 * (1 + math.cos(math.pi * (step - 29) / 30)) / 2 for step in range(30, 60)]
    assert found == pytest.approx(up + down, rel=1e-12)


def test_stays_at_the_end() -> None:
    assert rates({}, 63)[60:] == pytest.approx([0.3 / 25 / 1e4] * 3)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_very_short_training_has_rates_within_bounds(steps: int) -> None:
    assert all(0 < rate <= 0.3 for rate in rates({}, steps + 1, length=Length(1, steps)))


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rise": 0.0}, "greater than 0"),
        ({"rise": 1.0}, "less than 1"),
        ({"div": 0.5}, "greater than or equal to 1"),
        ({"final_div": 0.0}, "greater than or equal to 1"),
        ({"shape": "cos"}, "'cosine' or 'linear'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        OneCycle.model_validate(settings)
