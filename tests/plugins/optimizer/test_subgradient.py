from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline_plugins.optimizer.subgradient import Subgradient

TARGETS = np.array([[1.0, -2.0], [0.5, 3.0], [0.2, 0.1]])


def height(w: Any) -> float:
    return float(np.abs(w - TARGETS).sum() + 0.3 * np.abs(w).sum())


def slope(w: Any) -> Any:
    return np.sign(w - TARGETS).sum(axis=0) + 0.3 * np.sign(w)


def torchs(w: torch.Tensor) -> torch.Tensor:
    return (w - torch.tensor(TARGETS)).abs().sum() + 0.3 * w.abs().sum()


def by_hand(w: Any, lr: float, power: float) -> list[Any]:
    """Boyd, Xiao & Mutapcic 2003, sections 2 and 3: diminishing steps, and the best point so far."""
    best, least, found = w, np.inf, []
    for t in range(1, 51):
        if height(w) < least:
            best, least = w, height(w)
        w = w - lr / t**power * slope(w)
        found.append(best)
    return found


def trajectory(break_at: int | None = None, **settings: Any) -> tuple[list[Any], list[float]]:
    w = torch.nn.Parameter(torch.tensor([5.0, 4.0], dtype=torch.float64))
    plugin = Subgradient.model_validate(settings)
    optimizer = plugin.build([w])

    def closure() -> Any:
        optimizer.zero_grad()
        loss = torchs(w)
        torch.autograd.backward(loss)
        return loss

    found, losses = [], []
    for step in range(50):
        if step == break_at:
            state = optimizer.state_dict()
            optimizer = plugin.build([w])
            optimizer.load_state_dict(state)
        losses.append(optimizer.step(closure))
        found.append(w.detach().numpy().copy())
    return found, losses


@pytest.mark.parametrize(("decay", "power"), [("sqrt", 0.5), ("linear", 1.0)])
@pytest.mark.parametrize("lr", [0.3, 1.0])
def test_follows_the_method(decay: str, power: float, lr: float) -> None:
    found, _ = trajectory(lr=lr, decay=decay)
    np.testing.assert_allclose(found, by_hand(np.array([5.0, 4.0]), lr, power), rtol=1e-12)


def test_the_network_holds_the_best_point_while_the_way_goes_up_and_down() -> None:
    found, losses = trajectory(lr=1.0)
    heights = [height(w) for w in found]
    assert heights == sorted(heights, reverse=True)
    assert losses != sorted(losses, reverse=True)
    assert heights[-1] == pytest.approx(min(losses))


def test_goes_on_where_it_was_saved() -> None:
    assert np.array_equal(trajectory(lr=1.0)[0][-1], trajectory(break_at=20, lr=1.0)[0][-1])


def test_needs_the_full_batch_and_says_why() -> None:
    assert "training.batch_size=full" in Subgradient.requires
    assert "one mini-batch doesn't show" in Subgradient.reasons["training.batch_size=full"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"decay": "constant"}, "'sqrt' or 'linear'"), ({"lr": 0.0}, "greater than 0")],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Subgradient.model_validate(settings)
