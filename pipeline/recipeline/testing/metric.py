"""What a metric promises: the same number in pieces as at once, and more for better predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from recipeline.families.metric import ComparesWithTrain, Metric
from recipeline.testing.examples import ROWS, predicted, targets_for, truth_for
from recipeline.testing.promises import holds, promised

if TYPE_CHECKING:
    import torch


def check_metric(plugin: Metric) -> None:
    """Check a metric on every task that it is for: in batches, at once, after a reset, and when all is right."""
    import torch
    import torchmetrics

    holds(bool(plugin.tasks), plugin, "declares the tasks that it is made for")
    holds(isinstance(plugin.higher_is_better, bool), plugin, "says with `higher_is_better` whether more is better")
    for target in targets_for(plugin):
        where = f" ({target.task}, {target.outputs} outputs)"
        with promised(plugin, f"builds{where}"):
            metric = plugin.build(target)
        holds(isinstance(metric, torchmetrics.Metric), plugin, "builds a torchmetrics metric", type(metric).__name__)
        if isinstance(metric, ComparesWithTrain):
            metric.learn(truth_for(target, ROWS, 3))
        truth = truth_for(target, ROWS, 1)
        guess = predicted(truth_for(target, ROWS, 2), target)
        right = predicted(truth, target)

        def measure(prediction: torch.Tensor, sizes: Sequence[int], metric: Any = metric, truth: Any = truth) -> float:
            metric.reset()
            start = 0
            for size in sizes:
                metric.update(prediction[start : start + size], truth[start : start + size])
                start += size
            value = metric.compute()
            holds(torch.as_tensor(value).numel() == 1, plugin, "computes one scalar", str(value))
            return float(value)

        with promised(plugin, f"measures predictions{where}"):
            once = measure(guess, [ROWS])
            pieces = measure(guess, [ROWS // 2, 1, ROWS - ROWS // 2 - 1])
            single = measure(guess, [1])
            again = measure(guess, [ROWS])
            best = measure(right, [ROWS])
        holds(math.isfinite(once), plugin, f"is finite{where}", str(once))
        holds(math.isfinite(single), plugin, f"is finite on a single row{where}", str(single))
        holds(
            math.isclose(once, pieces, rel_tol=1e-5, abs_tol=1e-6),
            plugin,
            f"measures batches as it measures all rows at once{where}",
            f"{pieces} instead of {once}",
        )
        holds(once == again, plugin, f"forgets everything at a reset{where}", f"{again} instead of {once}")
        better = best > once if plugin.higher_is_better else best < once
        direction = "more" if plugin.higher_is_better else "less"
        holds(
            better,
            plugin,
            f"gives {direction} to right predictions than to wrong ones, as `higher_is_better` says{where}",
            f"{best} for right ones and {once} for wrong ones",
        )
