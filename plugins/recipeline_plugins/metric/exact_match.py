"""The share of sequences that are right from the first token to the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class ExactMatch(Metric, name="exact_match"):
    """Share of rows whose whole sequence is right: one wrong, missing or further token, and the row counts nothing.

        exact match = rows with prediction = truth / rows

    The plainest measure of sequences, and a strict one for long ones: `error_rate` shows how far off the others are.

    Rajpurkar et al. 2016, SQuAD: 100,000+ Questions for Machine Comprehension of Text, 6.1.
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
        metrics: [exact_match, error_rate]
    """

    tasks: ClassVar[set[Task]] = {"sequence"}

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts rows that are right throughout."""
        from recipeline_plugins.metric.row_means import RowMean
        from recipeline_plugins.metric.sequence_errors import all_right

        return RowMean(all_right)
