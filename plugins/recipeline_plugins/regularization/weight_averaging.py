"""Averages of the weights along the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from recipeline import Regularization

if TYPE_CHECKING:
    from pytorch_lightning import Callback

DECAY = 0.999
"""The `decay` of the exponential mean where a recipe names none."""


class WeightAveraging(Regularization, name="weight_averaging"):
    """Validates, keeps and serves a mean of the weights along the way instead of the last ones, which jitter.

        exponential: a = d a + (1 - d) w after each step        d = min(decay, (1 + t) / (10 + t)), t steps averaged
        equal:       a = mean of w at the ends of the epochs from `start` on

    Training itself goes on with w. `val/*`, early stopping, the best epoch, the test and the logged model are those of
    a; until `start`, a is w. The running numbers of batch normalization are averaged in the same way. `equal` wants a
    learning rate that stays high (`fixed`, or `cosine_restarts`): weights that hardly move have nothing to average.
    Polyak & Juditsky 1992, Acceleration of Stochastic Approximation by Averaging; Izmailov et al. 2018, Averaging
    Weights Leads to Wider Optima and Better Generalization (stochastic weight averaging).
    """

    example = """
        regularization:
          - {type: weight_averaging, kind: equal, start: 10}
        scheduler: fixed
        training: {epochs: 30}
    """
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        (
            "scheduler.cosine",
            "scheduler.exponential",
            "scheduler.linear",
            "scheduler.polynomial",
            "scheduler.one_cycle",
        ),
        "with kind: equal; weights that hardly move any more have nothing to average",
    )

    kind: Literal["exponential", "equal"] = "exponential"
    """exponential forgets old weights; equal counts the end of every epoch from `start` on the same."""
    decay: float | None = Field(default=None, ge=0, lt=1)
    """Of `exponential`: share of the past, about 1 / (1 - decay) steps; 0 averages nothing; null takes 0.999."""
    start: int = Field(default=1, ge=1)
    """The first epoch (from 1) that is averaged."""

    @model_validator(mode="after")
    def _decay_is_read(self) -> Self:
        if self.kind == "equal" and self.decay is not None:
            raise ValueError("decay is read only with kind: exponential")
        return self

    def callbacks(self) -> list[Callback]:
        """A callback that averages, and puts the average in for validation and checkpoints."""
        from recipeline_plugins.regularization.weight_averaging_callback import AverageWeights

        if self.kind == "equal":
            return [AverageWeights(None, self.start)]
        return [AverageWeights(DECAY if self.decay is None else self.decay, self.start)]
