import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.warmup import Warmup

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = Warmup.model_validate(settings)

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


def test_rises_along_a_line_and_hands_over() -> None:
    found = rates({"epochs": 2.0, "start": 0.1, "then": {"type": "cosine", "min": 0.1}}, 60)
    rise = [0.3 * (0.1 + 0.9 * step / 10) for step in range(10)]
    after = [0.3 * (0.1 + 0.45 * (1 + math.cos(math.pi * step / 50))) for step in range(50)]
    assert found == pytest.approx(rise + after, rel=1e-12)


def test_counts_steps_where_asked_to() -> None:
    found = rates({"steps": 3, "start": 0.0, "then": {"type": "exponential", "gamma": 0.5}}, 14)
    assert found == pytest.approx([0, 0.1, 0.2] + [0.3] * 5 + [0.15] * 5 + [0.075], rel=1e-12, abs=1e-15)


def test_by_default_it_takes_an_epoch_and_stays() -> None:
    found = rates({}, 12)
    assert found[:5] == pytest.approx([0.3 * (0.01 + 0.99 * step / 5) for step in range(5)], rel=1e-12)
    assert found[5:] == [0.3] * 7


def test_a_training_shorter_than_the_rise_only_rises() -> None:
    assert rates({"epochs": 20.0, "then": "linear"}, 60) == sorted(rates({"epochs": 20.0, "then": "linear"}, 60))


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {"steps": 7, "then": {"type": "step", "every": 2}}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0.0}, "greater than 0"),
        ({"steps": 0}, "greater than 0"),
        ({"start": 1.5}, "less than or equal to 1"),
        ({"epochs": 1.0, "steps": 3}, "give either epochs or steps, not both"),
        ({"warmup_epochs": 1.0}, "warmup_epochs would be a second warm-up"),
        ({"then": "plateau"}, r"For a warm-up in front of it write \{type: plateau, warmup_epochs: 2\}"),
        ({"then": {"type": "linear", "warmup_epochs": 2.0}}, "'linear' inside 'warmup' can't have warmup_epochs"),
        ({"then": "adam"}, "no scheduler is named 'adam'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Warmup.model_validate(settings)
