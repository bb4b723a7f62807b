"""The share of tokens that a sequence gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class TokenErrorRate(Metric, name="error_rate"):
    """Edits that would make the predicted sequences right, over the length of the true ones. Less is better.

        error rate = sum over rows of edits(prediction, truth) / sum over rows of tokens(truth)

    Edits are insertions, deletions and replacements of a token, as few as do it. It is the word error rate where tokens
    are words, the phoneme error rate where they are sounds, the character error rate where they are characters. Above 1
    it gets where too much is said. 0 is all right.

    Levenshtein 1966, Binary Codes Capable of Correcting Deletions, Insertions and Reversals.
    """

    example = """
        data:
          source: {type: csv, path: sounds.csv}
          target: sound
          task: sequence
          columns: {spelling: text}
        preprocessing:
          - {type: tokenize, columns: spelling, method: characters}
          - tokenize_target
        architecture: transformer
        metrics: [error_rate]
        training: {monitor: val/error_rate}
    """

    tasks: ClassVar[set[Task]] = {"sequence"}
    higher_is_better: ClassVar[bool] = False

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts edits and tokens."""
        from recipeline_plugins.metric.sequence_errors import ErrorRate

        return ErrorRate()
