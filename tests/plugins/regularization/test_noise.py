import pytest
import torch
from pydantic import ValidationError

from recipeline import RecipeError
from recipeline_plugins.regularization.noise import Noise


def test_adds_normal_noise_of_the_given_size() -> None:
    torch.manual_seed(0)
    x, y = torch.full((50_000, 2), 3.0), torch.zeros(50_000, 1)
    (noisy,), target = Noise(std=0.25).augment((x,), y)
    assert (noisy - x).mean().item() == pytest.approx(0, abs=0.01)
    assert (noisy - x).std().item() == pytest.approx(0.25, rel=0.01)
    assert target is y


def test_little_noise_is_nothing_and_codes_are_left_alone() -> None:
    x, codes = torch.randn(10, 2), torch.randint(0, 3, (10, 1))
    (noisy, kept), _ = Noise(std=1e-12).augment((x, codes), x)
    torch.testing.assert_close(noisy, x)
    assert kept is codes


def test_on_least_squares_it_is_ridge() -> None:
    """The mean of (w(x + n) - y)² over the noise is (wx - y)² + std² |w|²: what makes the weights smaller."""
    torch.manual_seed(0)
    x = torch.randn(100, 3, dtype=torch.float64)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]], dtype=torch.float64)
    many, target = x.repeat(2000, 1), y.repeat(2000, 1)
    (noisy,), _ = Noise(std=0.5).augment((many,), target)
    found = torch.linalg.lstsq(noisy, target).solution
    ridge = torch.linalg.solve(x.T @ x / 100 + 0.25 * torch.eye(3, dtype=torch.float64), x.T @ y / 100)
    torch.testing.assert_close(found, ridge, atol=5e-3, rtol=0)
    assert found.norm() < 0.9 * torch.linalg.lstsq(x, y).solution.norm()


def test_says_that_there_is_nothing_to_act_on() -> None:
    with pytest.raises(RecipeError, match="'noise' found nothing to act on: no input is a number"):
        Noise().augment((torch.zeros(4, 0), torch.zeros(4, 1, dtype=torch.int64)), torch.zeros(4, 1))


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Noise(std=0.0)
