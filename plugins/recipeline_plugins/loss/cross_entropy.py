"""The cross entropy of classes, with weights and smoothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from recipeline import Loss, LossFunction, TargetSpec
from recipeline_plugins.loss.class_weights import ClassWeights, refuse_unread_beta, weights_for

if TYPE_CHECKING:
    from recipeline import Task


class CrossEntropy(Loss, name="cross_entropy"):
    """Cross entropy of softmax probabilities: the usual loss where one of several classes is right.

        p = softmax(logits)
        loss = sum over rows w[y] (-log p[y]) / sum over rows w[y]        y: the row's class

    With `label_smoothing` s the target is 1 - s + s / k for the right class and s / k for the others, of k classes
    (Szegedy et al. 2016, Rethinking the Inception Architecture). Without weights and smoothing it is the negative
    log-likelihood. Shares q of the classes, as `mixup` makes them, count by sum q[c] w[c] (-log p[c]). Balanced
    weights: King & Zeng 2001, Logistic Regression in Rare Events Data; effective numbers: Cui et al. 2019,
    Class-Balanced Loss Based on Effective Number of Samples. Both raise the recall of rare classes, and the
    probabilities are then no longer those of the data.

    Of a sequence every token is a row, and the mean is over the tokens of a batch: what fills rows up, and tokens that
    the train part doesn't have, count nothing. With `accumulate` each mini-batch's mean counts the same, whatever its
    tokens. `train/loss` and `val/loss` are means over all tokens, so that exp(val/loss) is the perplexity.
    """

    example = "loss: {type: cross_entropy, class_weights: balanced}"

    tasks: ClassVar[set[Task]] = {"binary", "multiclass", "sequence"}
    soft_targets: ClassVar[bool] = True

    class_weights: ClassWeights | None = None
    """How much each class counts: `balanced` for n / (k count), `effective_number` for the gentler
    (1 - beta) / (1 - beta ** count), scaled to a sum of k; a mapping from class to weight (1 where a class isn't
    named), or a list in the order of the sorted classes; null counts all the same."""
    beta: float | None = Field(default=None, ge=0, lt=1)
    """Of `effective_number`: 0 counts all classes the same, near 1 as `balanced` does; null takes 0.999."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread over all classes: 0 trusts the labels, 0.1 expects some wrong ones."""

    @model_validator(mode="after")
    def _beta_is_read(self) -> Self:
        refuse_unread_beta(self.class_weights, self.beta)
        return self

    def refuses(self, task: Task) -> str | None:
        """The tokens of a sequence are no classes to be weighed."""
        return "class_weights are for classes" if self.class_weights is not None and task == "sequence" else None

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices (batch,) or shares (batch, classes) to a scalar.

        Of a sequence: logits (batch, steps, tokens) and codes (batch, steps).
        """
        from recipeline_plugins.loss.cross_entropy_function import TokenCrossEntropy, WeightedCrossEntropy

        if target.task == "sequence":
            return TokenCrossEntropy(self.label_smoothing)
        return WeightedCrossEntropy(weights_for(self.class_weights, self.beta, target), self.label_smoothing)
