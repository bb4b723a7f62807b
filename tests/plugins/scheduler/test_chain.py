import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.chain import Chain

LENGTH = Length(epochs=12, steps_per_epoch=5)


def rates(settings: dict[str, Any], moves: int, break_at: int | None = None, length: Length = LENGTH) -> list[float]:
    """The rate of every move; at `break_at` optimizer and schedule are saved, built anew and loaded."""
    plugin = Chain.model_validate(settings)

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


def test_each_schedule_begins_at_the_full_rate_and_has_its_own_length() -> None:
    found = rates({"schedules": [{"type": "linear", "end": 0.5}, "cosine"], "at": [4]}, 60)
    first = [0.3 * (1 - 0.5 * step / 20) for step in range(20)]
    second = [0.3 * (1 + math.cos(math.pi * step / 40)) / 2 for step in range(40)]
    assert found == pytest.approx(first + second, rel=1e-12)


def test_a_schedule_by_epoch_moves_once_an_epoch() -> None:
    found = rates({"schedules": ["fixed", {"type": "exponential", "gamma": 0.5}], "at": [2.4]}, 30)
    expected = [0.3] * 12 + [0.3] * 5 + [0.15] * 5 + [0.075] * 5 + [0.0375] * 3
    assert found == pytest.approx(expected, rel=1e-12)


def test_three_in_a_row_and_the_last_one_stays() -> None:
    settings = {"schedules": ["linear", "fixed", {"type": "linear", "end": 0.2}], "at": [1, 2]}
    found = rates(settings, 70)
    assert found[:5] == pytest.approx([0.3 * (1 - step / 5) for step in range(5)], rel=1e-12)
    assert found[5:10] == [0.3] * 5
    assert found[10:60] == pytest.approx([0.3 * (1 - 0.8 * step / 50) for step in range(50)], rel=1e-12)
    assert found[60:] == pytest.approx([0.06] * 10)


def test_one_inside_another() -> None:
    inner = {"type": "chain", "schedules": ["fixed", "linear"], "at": [2]}
    found = rates({"schedules": ["fixed", inner], "at": [3]}, 60)
    assert found[:25] == [0.3] * 25
    assert found[25:] == pytest.approx([0.3 * (1 - step / 35) for step in range(35)], rel=1e-12)


def test_two_groups_keep_their_ratio() -> None:
    parameters = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.03}], lr=0.3)
    plugin = Chain.model_validate({"schedules": ["linear", "cosine"], "at": [1.0]})
    scheduler = plugin.build(optimizer, LENGTH)
    for _ in range(30):
        optimizer.step()
        scheduler.step()
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert second == pytest.approx(first / 10)


def test_survives_being_written_and_read() -> None:
    plugin = Chain.model_validate({"schedules": ["linear", {"type": "step", "every": 3}], "at": [1.5]})
    written = plugin.as_recipe()
    assert [schedule["type"] for schedule in written["schedules"]] == ["linear", "step"]
    assert Chain.model_validate({key: value for key, value in written.items() if key != "type"}) == plugin


def test_goes_on_where_it_was_saved() -> None:
    settings: dict[str, Any] = {"schedules": [{"type": "step", "every": 1}, "cosine", "linear"], "at": [2.2, 6]}
    assert rates(settings, 60, break_at=23) == rates(settings, 60)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "Field required"),
        ({"schedules": []}, "at least 1 item"),
        ({"schedules": ["fixed", "linear"]}, "2 schedules need 1 epochs in at, and there are 0"),
        ({"schedules": ["fixed", "fixed", "fixed"], "at": [3, 2]}, "at has to rise from each to the next"),
        ({"schedules": ["fixed", "plateau"], "at": [3]}, "'plateau' watches a metric at the end of each epoch"),
        (
            {"schedules": ["fixed", {"type": "cosine", "warmup_epochs": 1.0}], "at": [3]},
            "can't have warmup_epochs of its own",
        ),
        ({"schedules": ["fixed", "cosin"], "at": [3]}, "no scheduler is named 'cosin'"),
        ({"schedules": ["fixed", {"type": "cosine", "min": 2.0}], "at": [3]}, "less than or equal to 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Chain.model_validate(settings)
