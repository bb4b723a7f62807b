"""One loss for several targets, each with a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat

from recipeline import ByName, Loss, LossFunction, Problem, RecipeError, TargetSpec
from recipeline_plugins.loss.usual import usual

if TYPE_CHECKING:
    import torch

    from recipeline import Task


class WeightedSum(Loss, name="weighted_sum"):
    """Sums the losses of several targets, with weights that are given or learnt.

        given:   loss = sum over targets w[i] L[i]
        learned: loss = sum over targets (exp(-s[i]) L[i] + s[i]) / 2        s[i]: learnt, from 0 on

    L[i] is the loss `of` on the target i alone. The learnt s is the logarithm of the noise that the target has
    whatever one does: noisy targets come to count less, and the s keeps all from counting nothing (Kendall, Gal &
    Cipolla 2018, Multi-Task Learning Using Uncertainty to Weigh Losses; for `mse` the likelihood of normal noise, for
    others an approximation). A learnt loss may fall below 0. `train/loss` and `val/loss` show the sum as it is.
    """

    example = """
        data:
          source: {type: csv, path: houses.csv}
          target: [price, rent]
          task: regression
        loss: {type: weighted_sum, of: huber, weights: learned}
    """

    tasks: ClassVar[set[Task]] = {"regression", "multilabel"}

    of: Annotated[Loss, ByName()] | None = None
    """The loss of each target; null takes `mse` for numbers and `binary_cross_entropy` for labels."""
    weights: Literal["learned"] | list[PositiveFloat] | dict[str, PositiveFloat] | None = Field(default=None)
    """How much each target counts: `learned`, a mapping from target to weight (1 where a target isn't named), or a
    list in the order of the recipe's targets; null counts all 1."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Outputs and targets, both side by side by target, to a scalar."""
        from recipeline_plugins.loss.weighted_sum_function import SumOfLosses

        weights = self._weights(target)
        single = _singles(target)
        functions = [self._inner(one).build(one) for one in single]
        return SumOfLosses(functions, [self._inner(one).outputs(one) for one in single], weights)

    def outputs(self, target: TargetSpec) -> int:
        """Those of all targets."""
        return sum(self._inner(one).outputs(one) for one in _singles(target))

    def link(self, outputs: torch.Tensor, target: TargetSpec) -> torch.Tensor:
        """What the loss `of` says of each target."""
        import torch

        single = _singles(target)
        parts = torch.split(outputs, [self._inner(one).outputs(one) for one in single], dim=1)
        return torch.cat([self._inner(one).link(part, one) for part, one in zip(parts, single, strict=True)], dim=1)

    def _inner(self, one: TargetSpec) -> Loss:
        return self.of or usual(one)

    def _weights(self, target: TargetSpec) -> list[float] | None:
        given = self.weights
        if given == "learned":
            return None
        if given is None:
            return [1.0 for _ in target.columns]
        if isinstance(given, dict):
            unknown = sorted(set(given) - set(target.columns))
            if unknown:
                raise _refused("there is no such target", ", ".join(map(repr, unknown)), target, "The targets are")
            return [given.get(name, 1.0) for name in target.columns]
        assert isinstance(given, list)
        if len(given) != len(target.columns):
            words = f"a list of weights needs one for each of the {len(target.columns)} targets"
            raise _refused(words, str(len(given)), target, "The targets in order are")
        return given


def _singles(target: TargetSpec) -> list[TargetSpec]:
    """The targets one by one, as a loss of a single one would see them."""
    if not target.classes:
        return [TargetSpec(target.task, (name,)) for name in target.columns]
    counts = target.class_counts or (0,) * len(target.classes)
    return [
        TargetSpec(target.task, (name,), (label,), (count,))
        for name, label, count in zip(target.columns, target.classes, counts, strict=True)
    ]


def _refused(message: str, found: str, target: TargetSpec, there: str) -> RecipeError:
    names = ", ".join(target.columns)
    return RecipeError(Problem(message, path="loss.weights", found=found, suggestion=f"{there}: {names}."))
