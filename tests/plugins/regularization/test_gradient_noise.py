from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.regularization.gradient_noise import GradientNoise


class At:
    """As much of a trainer as the callback looks at."""

    def __init__(self, step: int) -> None:
        self.global_step = step


def noise_at(step: int, plugin: GradientNoise) -> torch.Tensor:
    parameter = torch.nn.Parameter(torch.zeros(100_000))
    parameter.grad = torch.full_like(parameter, 2.0)
    (callback,) = plugin.callbacks()
    trainer: Any = At(step)
    module: Any = None
    callback.on_before_optimizer_step(trainer, module, torch.optim.SGD([parameter], lr=0.1))
    return parameter.grad - 2.0


@pytest.mark.parametrize("step", [0, 9])
def test_the_noise_fades_as_the_paper_says(step: int) -> None:
    torch.manual_seed(0)
    noise = noise_at(step, GradientNoise(eta=0.3, gamma=0.55))
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.var().item() == pytest.approx(0.3 / (1 + step) ** 0.55, rel=0.02)


def test_without_fading_it_stays_and_little_is_nothing() -> None:
    assert noise_at(1000, GradientNoise(eta=1.0, gamma=0.0)).var().item() == pytest.approx(1, rel=0.02)
    assert noise_at(0, GradientNoise(eta=1e-20)).abs().max() < 1e-6


def test_is_repeated_by_the_seed() -> None:
    torch.manual_seed(1)
    first = noise_at(0, GradientNoise())
    torch.manual_seed(1)
    assert torch.equal(first, noise_at(0, GradientNoise()))


@pytest.mark.parametrize(("settings", "words"), [({"eta": 0.0}, "greater than 0"), ({"gamma": -1.0}, "or equal to 0")])
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GradientNoise.model_validate(settings)
