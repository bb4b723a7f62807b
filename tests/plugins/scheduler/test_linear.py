from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.linear import Linear, factor

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    scheduler = Linear.model_validate(settings).build(optimizer, LENGTH)
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
    found = rates({"end": 0.1}, 65)
    line = [0.3 * (1 - 0.9 * step / 60) for step in range(60)]
    assert found == pytest.approx(line + [0.03] * 5, rel=1e-12)
    settings = {"start_factor": 1.0, "end_factor": 0.1, "total_iters": 60}
    assert found == pytest.approx(torchs(torch.optim.lr_scheduler.LinearLR, 65, **settings), rel=1e-9)
    assert Linear.interval == "step"


def test_an_end_of_one_never_falls() -> None:
    assert rates({"end": 1.0}, 60) == [0.3] * 60


def test_ends_at_nothing_and_stays_there() -> None:
    assert [factor(step, 4, 0.0) for step in range(7)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0, 0.0]
    assert factor(0, 0, 0.5) == 1


def test_by_epoch_it_has_as_many_moves_as_epochs() -> None:
    assert Linear.model_validate({"per": "epoch"}).moves() == "epoch"
    assert rates({"per": "epoch"}, 12) == pytest.approx(rates({}, 60)[::5], rel=1e-12)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"per": "batch"}, "'epoch' or 'step'"),
        ({"end": -0.1}, "greater than or equal to 0"),
        ({"end": 1.1}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Linear.model_validate(settings)
