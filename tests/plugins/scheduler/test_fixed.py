import pytest
import torch
from pydantic import ValidationError

from recipeline import Length
from recipeline_plugins.scheduler.fixed import Fixed


def test_the_rate_stays() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.3)
    scheduler = Fixed().build(optimizer, Length(5, 2))
    for _ in range(5):
        optimizer.step()
        scheduler.step()
        assert optimizer.param_groups[0]["lr"] == 0.3


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Fixed.model_validate({"warmup_epochs": -1.0})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Fixed.model_validate({"gamma": 0.9})
