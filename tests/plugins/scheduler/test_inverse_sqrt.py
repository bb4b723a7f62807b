from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.inverse_sqrt import InverseSqrt

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = InverseSqrt.model_validate(settings)

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


def test_equals_the_paper() -> None:
    """Vaswani et al. 2017, equation 3, with the model's width chosen so that the peak is lr."""
    peak = 20
    width = 1 / (0.3**2 * peak)
    paper = [width**-0.5 * min(step**-0.5, step * peak**-1.5) for step in range(1, 61)]
    assert rates({"peak": peak}, 60) == pytest.approx(paper, rel=1e-12)
    assert max(paper) == pytest.approx(0.3)


def test_with_a_peak_of_one_it_only_falls() -> None:
    assert rates({"peak": 1}, 4) == pytest.approx([0.3, 0.3 / 2**0.5, 0.3 / 3**0.5, 0.15], rel=1e-12)


def test_does_not_depend_on_the_length() -> None:
    assert rates({"peak": 20}, 30, length=Length(1, 1)) == rates({"peak": 20}, 30)


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {"peak": 20}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"peak": 0}, "greater than 0"),
        ({"peak": 1.5}, "valid integer"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        InverseSqrt.model_validate(settings)
