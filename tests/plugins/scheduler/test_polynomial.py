from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.polynomial import Polynomial

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = Polynomial.model_validate(settings)

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
    found = rates({"power": 2.0, "end": 0.1}, 60)
    assert found == pytest.approx([0.3 * (0.1 + 0.9 * (1 - step / 60) ** 2) for step in range(60)], rel=1e-12)
    zero = rates({"power": 0.9}, 60)
    assert zero == pytest.approx(torchs(torch.optim.lr_scheduler.PolynomialLR, 60, total_iters=60, power=0.9))


def test_stays_at_the_end() -> None:
    assert rates({"end": 0.1}, 65)[60:] == pytest.approx([0.03] * 5, rel=1e-12)


def test_by_epoch_it_has_as_many_moves_as_epochs() -> None:
    settings = {"power": 1.0, "per": "epoch"}
    assert Polynomial.model_validate(settings).moves() == "epoch"
    assert rates(settings, 12) == pytest.approx([0.3 * (1 - epoch / 12) for epoch in range(12)], rel=1e-12)


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"per": "batch"}, "'epoch' or 'step'"),
        ({"power": 0.0}, "greater than 0"),
        ({"end": -0.1}, "greater than or equal to 0"),
        ({"end": 1.1}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Polynomial.model_validate(settings)
