"""A rise of the learning rate in front of another schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from recipeline import ByName, Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


def factor(step: int, steps: int, start: float) -> float:
    """Share of the full rate: a line from `start` at step 0 that reaches 1 at step `steps`."""
    return start + (1 - start) * step / steps


class Warmup(Scheduler, name="warmup"):
    """The learning rate rises along a line to its full height; then another schedule goes on.

        lr(step) = lr · (start + (1 - start) · step / n)      the first n steps, from 0;  n: `steps`, or `epochs`'

    `then` begins at the full rate, counts from 0, and has the training that is left. The setting `warmup_epochs` of
    every schedule does nearly the same, for `plateau` too; this has a start, and counts steps if wanted. Goyal et al.
    2017, Accurate, Large Minibatch SGD, section 2.2.
    """

    example = "scheduler: {type: warmup, steps: 500, then: {type: cosine, min: 0.01}}"

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    epochs: PositiveFloat | None = None
    """How long it rises, in epochs; fractions are allowed."""
    steps: PositiveInt | None = None
    """How long it rises, in optimizer steps. Either this or `epochs`; without both it is 1 epoch."""
    start: float = Field(default=0.01, ge=0, le=1)
    """Where it begins, as a share of `lr`. At 0 the first step doesn't move."""
    then: Annotated[Scheduler, ByName()] = Field(default="fixed", validate_default=True)
    """What follows."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        from recipeline_plugins.scheduler.linked import refuse

        if self.epochs is not None and self.steps is not None:
            raise ValueError("give either epochs or steps, not both")
        if self.warmup_epochs > 0:
            raise ValueError("warmup_epochs would be a second warm-up in front of this one: leave one of them out")
        refuse(self.then, "warmup")
        return self

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The rise and what follows, by step."""
        from torch.optim.lr_scheduler import LambdaLR

        from recipeline_plugins.scheduler.chained import Chained, Link
        from recipeline_plugins.scheduler.linked import every, part
        from recipeline_plugins.scheduler.per import steps_of

        steps = self.steps or steps_of(1.0 if self.epochs is None else self.epochs, length)
        left = part(length.steps - steps, length)
        rise = Link(lambda: LambdaLR(optimizer, lambda step: factor(step, steps, self.start)), steps, 1)
        after = Link(lambda: self.then.build(optimizer, left), left.steps, every(self.then, length))
        return Chained(optimizer, [rise, after])
