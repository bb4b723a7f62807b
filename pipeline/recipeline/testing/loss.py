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
            steps = truth.shape[1:] if target.task == "sequence" else ()
            prediction = torch.randn(rows, *steps, loss.outputs(target), generator=torch.Generator().manual_seed(2))
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
                bool(slope.isfinite().all()) and (bool(slope.any()) or (rows == 1 and value.item() == 0)),
                loss,
                f"lets finite gradients flow back to the prediction{where}",
            )
        if target.is_classes and loss.soft_targets:
            truth = truth_for(target, ROWS, 1)
            shares = torch.nn.functional.one_hot(truth, target.outputs).float()
            prediction = torch.randn(ROWS, target.outputs, generator=torch.Generator().manual_seed(2))
            with promised(loss, f"takes shares of the classes, as `soft_targets` says{where}"):
                value, same = function(prediction, shares), function(prediction, truth)
            holds(bool(value.isfinite()) and value.ndim == 0, loss, f"is finite for shares of the classes{where}")
            holds(
                torch.allclose(value, same, rtol=1e-5),
                loss,
                f"gives the same number for a class as for the whole share of it{where}",
                f"{same.item():.6g} for the class, {value.item():.6g} for the share",
            )
        if not target.classes:
            with promised(loss, f"says what the network's outputs mean{where}"):
                said = loss.link(torch.randn(ROWS, loss.outputs(target)), target)
            holds(
                tuple(said.shape) == (ROWS, target.outputs) and bool(said.isfinite().all()),
                loss,
                f"has a finite `link` of the shape (batch, targets){where}",
                str(tuple(said.shape)),
            )
        if isinstance(function, torch.nn.Module):
            with promised(loss, "has state that survives save and load"):
                function.load_state_dict(saved_and_loaded(function.state_dict()))
