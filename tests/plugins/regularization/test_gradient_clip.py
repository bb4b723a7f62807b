from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pydantic import ValidationError

from recipeline_plugins.regularization.gradient_clip import GradientClip

GRADIENTS = [np.array([[3.0, -4.0], [0.0, 1.0]]), np.array([12.0])]
NORM = np.sqrt(sum((g**2).sum() for g in GRADIENTS))


def clipped(by: Any, maximum: float) -> list[Any]:
    parameters = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in GRADIENTS]
    for p, g in zip(parameters, GRADIENTS, strict=True):
        p.grad = torch.tensor(g)
    idle = torch.nn.Parameter(torch.zeros(2))
    (callback,) = GradientClip(by=by, max=maximum).callbacks()
    optimizer = torch.optim.SGD([{"params": parameters}, {"params": [idle]}], lr=0.1)
    callback.on_before_optimizer_step(pl.Trainer.__new__(pl.Trainer), pl.LightningModule(), optimizer)
    assert idle.grad is None
    return [p.grad.numpy() for p in parameters if p.grad is not None]


def test_limits_the_norm_of_all_together_and_keeps_the_direction() -> None:
    for found, gradient in zip(clipped("norm", 2.0), GRADIENTS, strict=True):
        np.testing.assert_allclose(found, gradient * 2 / NORM, rtol=1e-6)


def test_limits_each_value() -> None:
    for found, gradient in zip(clipped("value", 2.0), GRADIENTS, strict=True):
        np.testing.assert_array_equal(found, gradient.clip(-2, 2))


@pytest.mark.parametrize("by", ["norm", "value"])
def test_leaves_a_small_gradient_alone(by: str) -> None:
    for found, gradient in zip(clipped(by, 100.0), GRADIENTS, strict=True):
        np.testing.assert_array_equal(found, gradient)


@pytest.mark.filterwarnings("ignore:.*(many workers|training batches).*")
def test_clips_what_the_trainer_steps_with() -> None:
    class Steep(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(2))

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return (self.weight * torch.tensor([300.0, -400.0])).sum()

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=1.0)

    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", callbacks=GradientClip(max=0.5).callbacks(), logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    model = Steep()
    trainer.fit(model, torch.utils.data.DataLoader(torch.zeros(1, 1)))
    assert model.weight.tolist() == pytest.approx([-0.3, 0.4], rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"max": 0.0}, "greater than 0"), ({"max": -1.0}, "greater than 0"), ({"by": "size"}, "'norm' or 'value'")],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        GradientClip.model_validate(settings)
