"""The cross entropy of shares of classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Loss, LossFunction, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


class OneHotCrossEntropy(Loss, name="one_hot_cross_entropy"):
    """Cross entropy between two distributions over the classes: for one-hot targets, and for softened ones.

        p = softmax(logits)
        loss = mean over rows of  sum over classes -q[c] log p[c]

    q is 1 for the row's class and 0 for the others, which makes it equal to `cross_entropy`; with `mixup`, `cutmix`
    or `label_smoothing` in the recipe it is what they make of that. At best it is the entropy of q, not 0: see
    `kl_divergence`. Cover & Thomas 2006, Elements of Information Theory, chapter 2.
    """

    example = """
        loss: one_hot_cross_entropy
        regularization:
          - {type: label_smoothing, share: 0.1}
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}
    soft_targets: ClassVar[bool] = True

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices (batch,) or shares (batch, classes) to a scalar."""
        from recipeline_plugins.loss.share_functions import cross_entropy_of_shares

        return cross_entropy_of_shares
