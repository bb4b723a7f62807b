"""Every architecture trains with every loss that suits the task and with every optimizer."""

import math

import pytest
import torch

from recipeline import Architecture, Block, InputSpec, Loss, Optimizer, TargetSpec
from recipeline.catalog import installed

CATALOG = installed()
INPUTS = InputSpec({"numeric": Block(("a", "b"), (2,)), "categorical": Block(("k",), (1,), (3,))})
TARGETS = {
    "regression": TargetSpec("regression", ("y", "z")),
    "binary": TargetSpec("binary", ("y",), ("no", "yes"), (8, 8)),
    "multiclass": TargetSpec("multiclass", ("y",), ("a", "b", "c"), (6, 5, 5)),
    "multilabel": TargetSpec("multilabel", ("p", "q"), ("p", "q"), (8, 8)),
}


def batch(target: TargetSpec) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    blocks = {"numeric": torch.randn(16, 2), "categorical": torch.randint(0, 3, (16, 1))}
    if target.is_classes:
        return blocks, torch.randint(0, target.outputs, (16,))
    truth = torch.randn(16, target.outputs)
    return blocks, truth.gt(0).float() if target.task == "multilabel" else truth


LOSSES = [(loss, task) for loss in CATALOG.names("loss") for task in sorted(CATALOG.find(Loss, loss).tasks)]


@pytest.mark.parametrize("optimizer", CATALOG.names("optimizer"))
@pytest.mark.parametrize(("loss", "task"), LOSSES)
@pytest.mark.parametrize("architecture", CATALOG.names("architecture"))
def test_two_batches_have_a_finite_loss(architecture: str, loss: str, task: str, optimizer: str) -> None:
    torch.manual_seed(0)
    target = TARGETS[task]
    plugin = CATALOG.find(Architecture, architecture)()
    network = plugin.build(INPUTS, target.outputs)
    function = CATALOG.find(Loss, loss)().build(target)
    stepper = CATALOG.find(Optimizer, optimizer)().build(list(network.parameters()))
    before = [p.detach().clone() for p in network.parameters()]
    for _ in range(2):
        blocks, truth = batch(target)

        def closure(blocks: dict[str, torch.Tensor] = blocks, truth: torch.Tensor = truth) -> float:
            stepper.zero_grad()
            value = function(network(*(blocks[kind] for kind in plugin.accepts)), truth)
            torch.autograd.backward(value)
            return value.item()

        assert math.isfinite(stepper.step(closure))
    assert all(p.isfinite().all() for p in network.parameters())
    assert any(not torch.equal(p, old) for p, old in zip(network.parameters(), before, strict=True))
