"""What was logged batch by batch of an epoch under way, as by a plugin's `log(..., on_epoch=True)`: kept and put back.

Lightning adds these up in memory and leaves them out of its checkpoints, so that an epoch which goes on in its middle
would end with the mean of its second half.
"""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.connectors.logger_connector.result import _Metadata, _ResultMetric, _Sync

_TOLD = ("fx", "name", "prog_bar", "logger", "on_step", "on_epoch", "enable_graph", "add_dataloader_idx",
         "dataloader_idx", "metric_attribute")  # fmt: skip


def running(trainer: pl.Trainer) -> list[dict[str, Any]]:
    """The sums so far, as tensors and plain values. A `torchmetrics.Metric` keeps its own state, with its module."""
    kept = []
    for key, found in trainer.fit_loop.epoch_loop._results.items():
        if not found.is_tensor or found.has_reset or not found.meta.on_epoch:
            continue
        told = {name: getattr(found.meta, name) for name in _TOLD}
        sync = {"should": found.meta.sync.should, "rank_zero_only": found.meta.sync.rank_zero_only}
        states = {name: getattr(found, name).detach().clone() for name in found._defaults}
        kept.append({"key": key, "told": told, "reduce": found.meta.reduce_fx.__name__, "sync": sync, "states": states})
    return kept


def go_on_with(trainer: pl.Trainer, kept: list[dict[str, Any]]) -> None:
    """Let what is logged from here on be added to these."""
    results = trainer.fit_loop.epoch_loop._results
    for each in kept:
        meta = _Metadata(**each["told"], reduce_fx=getattr(torch, each["reduce"]))
        sync = each["sync"]
        meta.sync = _Sync(
            _should=sync["should"], fn=trainer.strategy.reduce, _group=None, rank_zero_only=sync["rank_zero_only"]
        )
        found = _ResultMetric(meta, is_tensor=True)
        for name, value in each["states"].items():
            setattr(found, name, value.to(trainer.strategy.root_device))
        found._update_count = 1  # or it would warn that nothing has been counted
        results[each["key"]] = found
    waiting = {each["told"]["fx"] for each in kept}

    def reset(metrics: bool | None = None, fx: str | None = None) -> None:
        """Lightning forgets what a hook has logged when it logs for the first time in a loop: not so this once."""
        if fx in waiting:
            waiting.discard(fx)
            return
        if fx is None:  # the epoch's end
            waiting.clear()
        type(results).reset(results, metrics, fx)

    results.reset = reset  # type: ignore[method-assign]
