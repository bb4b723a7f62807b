"""Several schedules one after the other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from recipeline import ByName, Length, Scheduler

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler


class Chain(Scheduler, name="chain"):
    """Several schedules one after the other, each from the full rate.

    At epoch at[k] (counted from 0) the schedule k + 1 takes over from schedule k: it begins at `lr`, counts from 0,
    and has as many epochs as there are until the next one, or until the end. One that watches a metric (`plateau`)
    can't be among them. The warmup-stable-decay of Hu et al. 2024 (MiniCPM) is warmup_epochs with fixed and linear.
    """

    example = """
        scheduler:
          type: chain
          schedules: [fixed, {type: cosine, min: 0.01}]
          at: [10]                         # the rate stays for ten epochs, then falls
    """

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    schedules: list[Annotated[Scheduler, ByName()]] = Field(min_length=1)
    """The schedules in order."""
    at: list[PositiveFloat] = Field(default=[])
    """The epochs at which the second, third, ... takes over; fractions are allowed. One less than there are
    schedules."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        from recipeline_plugins.scheduler.linked import refuse

        for schedule in self.schedules:
            refuse(schedule, "chain")
        if len(self.at) != len(self.schedules) - 1:
            raise ValueError(
                f"{len(self.schedules)} schedules need {len(self.schedules) - 1} epochs in at, and there are "
                f"{len(self.at)}"
            )
        if any(later <= earlier for earlier, later in pairwise(self.at)):
            raise ValueError(f"at has to rise from each to the next, for instance {sorted(set(self.at))}")
        return self

    def build(self, optimizer: Optimizer, length: Length) -> LRScheduler:
        """The chain by step."""
        from recipeline_plugins.scheduler.chained import Chained, Link
        from recipeline_plugins.scheduler.linked import every, part
        from recipeline_plugins.scheduler.per import steps_of

        bounds = [0, *(steps_of(epoch, length) for epoch in self.at)]
        ends = [*bounds[1:], max(length.steps, bounds[-1] + 1)]

        def link(schedule: Scheduler, steps: int) -> Link:
            own = part(steps, length)
            return Link(lambda: schedule.build(optimizer, own), max(steps, 1), every(schedule, length))

        spans = [end - start for start, end in zip(bounds, ends, strict=True)]
        return Chained(optimizer, [link(s, n) for s, n in zip(self.schedules, spans, strict=True)])
