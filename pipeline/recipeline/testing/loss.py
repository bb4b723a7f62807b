"""What a loss promises: one finite number that gradients flow back from."""

from __future__ import annotations

from typing import Any

from recipeline.families.loss import Loss
from recipeline.testing.examples import ROWS, saved_and_loaded, targets_for, truth_for
from recipeline.testing.promises import holds, promised


def check_loss(loss: Loss) -> None:
    """Check a loss on a batch, and on a single row, of every task that it is for."""
    import torch

    holds(bool(loss.tasks), loss, "declares the tasks that it is made for")
    for target in targets_for(loss):
        where = f" ({target.task}, {target.outputs} outputs)"
        with promised(loss, f"builds{where}"):
            function = loss.build(target)
        for rows in (ROWS, 1):
            truth = truth_for(target, rows, 1)
            prediction = torch.randn(rows, target.outputs, generator=torch.Generator().manual_seed(2))
            prediction.requires_grad_()
            with promised(loss, f"takes a batch of {rows} rows{where}"):
                value: Any = function(prediction, truth)
                again = function(prediction, truth)
            holds(
                isinstance(value, torch.Tensor) and value.ndim == 0,
                loss,
                f"returns one scalar tensor{where}",
                str(tuple(getattr(value, "shape", ()))),
            )
            holds(bool(value.isfinite()), loss, f"is finite{where}", str(value.item()))
            holds(torch.equal(value, again), loss, f"gives the same number for the same batch{where}")
            with promised(loss, f"lets gradients flow back to the prediction{where}"):
                (slope,) = torch.autograd.grad(value, prediction)
            holds(
                bool(slope.isfinite().all()) and bool(slope.any()),
                loss,
                f"lets finite gradients flow back to the prediction{where}",
            )
        if isinstance(function, torch.nn.Module):
            with promised(loss, "has state that survives save and load"):
                function.load_state_dict(saved_and_loaded(function.state_dict()))
