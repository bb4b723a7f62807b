"""A learning rate that goes up and down."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat

from recipeline import Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

Mode = Literal["triangular", "halving", "exponential"]


def factor(step: int, up: int, down: int, low: float, mode: Mode, gamma: float) -> float:
    """Share of the highest rate: from `low` to the top in `up` steps, back in `down` steps, and so on; steps from 0."""
    cycle, place = divmod(step, up + down)
    height = place / up if place <= up else 1 - (place - up) / down
    top = {"triangular": 1.0, "halving": 0.5**cycle, "exponential": gamma**step}[mode]
    return low + (1 - low) * height * top


class Cyclic(Scheduler, name="cyclic"):
    """The learning rate goes up and down between two bounds: finds its way out of flat places.

        lr(step) = lr · (low + (1 - low) · height · top)      height: 0 to 1 in `up` epochs, back to 0 in `down`
        top: 1 (triangular), 1/2^cycle (halving), gamma^step (exponential)        steps and cycles from 0

    Smith 2017, Cyclical Learning Rates for Training Neural Networks: triangular, triangular2 and exp_range there. `lr`
    is the upper bound. The model is good at the ends of cycles.
    """

    example = "scheduler: {type: cyclic, low: 0.1, up: 2, mode: halving}"

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    low: float = Field(default=0.1, ge=0, le=1)
    """The lower bound as a share of `lr`."""
    up: PositiveFloat = 2.0
    """Epochs of a rise; fractions are allowed. The paper has 2 to 10."""
    down: PositiveFloat | None = None
    """Epochs of a fall; by default as many as of a rise."""
    mode: Mode = "triangular"
    """Whether the cycles keep their height, halve it from each to the next, or shrink step by step."""
    gamma: float = Field(default=0.9999, gt=0, le=1)
    """For exponential: what is left of the height after each step."""

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The schedule by step."""
        from torch.optim.lr_scheduler import LambdaLR

        from recipeline_plugins.scheduler.per import steps_of

        up = steps_of(self.up, length)
        down = up if self.down is None else steps_of(self.down, length)
        return LambdaLR(optimizer, lambda step: factor(step, up, down, self.low, self.mode, self.gamma))
