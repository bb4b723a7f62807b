"""What a scheduler promises: rates that are possible, and to go on after a break."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from recipeline.families.scheduler import Scheduler
from recipeline.families.spec import Length
from recipeline.testing.examples import saved_and_loaded
from recipeline.testing.promises import holds, promised

if TYPE_CHECKING:
    import torch


def check_scheduler(plugin: Scheduler) -> None:
    """Check a scheduler over a training, and again after saving and loading it half way."""
    import torch

    holds(plugin.moves() in ("epoch", "step"), plugin, "moves by epoch or by step", repr(plugin.moves()))

    def build(length: Length) -> tuple[torch.optim.Optimizer, Any]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        return optimizer, plugin.build(optimizer, length)

    def run(optimizer: torch.optim.Optimizer, scheduler: Any, moves: Sequence[int]) -> list[float]:
        rates = []
        for move in moves:
            optimizer.step()
            # A watched metric that improves and then doesn't, so that a schedule that waits for it moves.
            scheduler.step(*([max(1.0 - 0.1 * move, 0.8)] if plugin.monitors() else []))
            rates.append(float(optimizer.param_groups[0]["lr"]))
        return rates

    for length in (Length(20, 4), Length(1, 1)):
        moves = range(length.epochs if plugin.moves() == "epoch" else length.steps)
        with promised(plugin, f"runs over {length.epochs} epochs of {length.steps_per_epoch} steps"):
            optimizer, scheduler = build(length)
            start = float(optimizer.param_groups[0]["lr"])
            rates = run(optimizer, scheduler, moves)
        wrong = [rate for rate in (start, *rates) if not (math.isfinite(rate) and rate >= 0)]
        holds(not wrong, plugin, "keeps the learning rate finite and not negative", str(wrong[:3]))

        half = len(moves) // 2
        optimizer, scheduler = build(length)
        run(optimizer, scheduler, moves[:half])
        with promised(plugin, "has state that survives save and load"):
            saved = saved_and_loaded({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})
            optimizer, scheduler = build(length)
            optimizer.load_state_dict(saved["optimizer"])
            scheduler.load_state_dict(saved["scheduler"])
            rest = run(optimizer, scheduler, moves[half:])
        holds(rest == rates[half:], plugin, "goes on after save and load as if it had not stopped")
