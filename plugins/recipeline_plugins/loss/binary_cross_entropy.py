"""The cross entropy of yes-or-no questions, one or several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, Problem, RecipeError, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class BinaryCrossEntropy(Loss, name="binary_cross_entropy"):
    """Cross entropy of sigmoid probabilities: for two classes, or for labels that may all be right at once.

        multilabel: z = logits                   y = the labels, 0 or 1
        binary:     z = logits[1] - logits[0]    y = 1 for the second class
        loss = mean of  -pos_weight y log σ(z) - (1 - y) log(1 - σ(z))        σ(z) = 1 / (1 + exp(-z))

    For two classes softmax([l0, l1])[1] = σ(l1 - l0), so without `pos_weight` this equals `cross_entropy`.
    Cox 1958, The Regression Analysis of Binary Sequences.
    """

    example = "loss: {type: binary_cross_entropy, pos_weight: 3.0}"

    tasks: ClassVar[set[Task]] = {"binary", "multilabel"}
    soft_targets: ClassVar[bool] = True

    pos_weight: PositiveFloat | list[PositiveFloat] | None = None
    """How much a yes counts against a no: above 1 raises recall, below 1 precision. One number, or for several
    labels a list with one each; null is 1."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, 2) and indices (batch,), or both (batch, labels), to a scalar."""
        from recipeline_plugins.loss.binary_cross_entropy_function import LabelsCrossEntropy, TwoClassCrossEntropy

        weights = self.pos_weight
        if isinstance(weights, list):
            if target.task == "binary":
                raise _refused("two classes take one pos_weight, not a list", len(weights), "Write one number.")
            if len(weights) != target.outputs:
                labels = ", ".join(map(str, target.classes))
                raise _refused(
                    f"a list of pos_weight needs one for each of the {target.outputs} labels",
                    len(weights),
                    f"The labels in order are: {labels}.",
                )
        return TwoClassCrossEntropy(weights) if target.task == "binary" else LabelsCrossEntropy(weights)


def _refused(message: str, found: int, suggestion: str) -> RecipeError:
    return RecipeError(Problem(message, path="loss.pos_weight", found=f"{found} numbers", suggestion=suggestion))
