from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.cyclic import Cyclic

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = Cyclic.model_validate(settings)

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


@pytest.mark.parametrize(
    ("mode", "theirs"), [("triangular", "triangular"), ("halving", "triangular2"), ("exponential", "exp_range")]
)
def test_equals_torch(mode: str, theirs: str) -> None:
    found = rates({"low": 0.1, "up": 2.0, "down": 1.0, "mode": mode, "gamma": 0.95}, 60)
    settings = {"base_lr": 0.03, "max_lr": 0.3, "step_size_up": 10, "step_size_down": 5, "gamma": 0.95}
    reference = torchs(torch.optim.lr_scheduler.CyclicLR, 60, **settings, mode=theirs, cycle_momentum=False)
    assert found == pytest.approx(reference, rel=1e-9)


@pytest.mark.parametrize(
    ("mode", "top"),
    [
        ("triangular", lambda step: 1.0),
        ("halving", lambda step: 0.5 ** (step // 20)),
        ("exponential", lambda step: 0.95**step),
    ],
)
def test_the_closed_form(mode: str, top: Callable[[int], float]) -> None:
    triangle = [*range(10), *range(10, 0, -1)] * 3
    found = rates({"low": 0.2, "mode": mode, "gamma": 0.95}, 60)
    expected = [0.3 * (0.2 + 0.8 * height / 10 * top(step)) for step, height in enumerate(triangle)]
    assert found == pytest.approx(expected, rel=1e-12)


def test_falls_as_long_as_it_rises_unless_told_otherwise() -> None:
    assert rates({"up": 0.4}, 4) == pytest.approx(rates({"up": 0.4, "down": 0.4}, 4))


def test_never_falls_below_the_bound() -> None:
    assert min(rates({"low": 1.0}, 60)) == 0.3


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {"mode": "halving"}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"low": -0.1}, "greater than or equal to 0"),
        ({"low": 1.1}, "less than or equal to 1"),
        ({"up": 0.0}, "greater than 0"),
        ({"down": 0.0}, "greater than 0"),
        ({"mode": "saw"}, "'triangular', 'halving' or 'exponential'"),
        ({"gamma": 1.1}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Cyclic.model_validate(settings)
