"""The Kullback-Leibler divergence from the target's distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class KLDivergence(Loss, name="kl_divergence"):
    """How much more the predicted distribution is surprised by the target's than the target itself; 0 at best.

        p = softmax(logits)
        loss = mean over rows of  sum over classes q[c] (log q[c] - log p[c])        0 log 0 = 0

    It is `one_hot_cross_entropy` less the entropy of q: the same gradient, and a value that says how far there is to
    go where `mixup`, `cutmix` or `label_smoothing` soften the target. Without them it equals `cross_entropy`.
    Kullback & Leibler 1951, On Information and Sufficiency.
    """

    example = """
        loss: kl_divergence
        regularization: [mixup]
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}
    soft_targets: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices (batch,) or shares (batch, classes) to a scalar."""
        from recipeline_plugins.loss.share_functions import kl_divergence

        return kl_divergence
