"""`mase`: a forecast's error against that of a forecast that costs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveInt

from recipeline import Metric, TargetSpec

if TYPE_CHECKING:
    from torchmetrics import Metric as TorchMetric

    from recipeline import Task


class MeanAbsoluteScaledError(Metric, name="mase"):
    """Mean absolute scaled error: a forecast against repeating what was last seen, which has 1. Less is better.

        mase = mean |prediction - truth|  /  mean over the train rows |y[t] - y[t - season]|

    Below it stands the error of the naive forecast, which takes the value of one season before, made one step ahead
    within the train part: an error in the target's own unit, so that series of any unit compare, and one that the
    test part doesn't change. With `season: 1` it is the last value. A forecast of several steps is measured by the
    same: the naive one would be further off there, so that 1 is harder to reach the longer the horizon. Several
    targets: the mean of theirs.

    The train rows have to be in the order of time, one step apart, as the source `windows` gives them with a stride
    of 1. Of several series each is compared with itself, and the errors of all make one mean.

    Hyndman & Koehler 2006, Another look at measures of forecast accuracy.
    """

    example = """
        data:
          source:
            type: windows
            of: {type: csv, path: temperatures.csv}
            time: month
            value: celsius
          target: t+1
          task: forecasting
          columns: {month: ignore}
          split: {type: time, column: month}
        architecture: gru
        metrics:
          - {type: mase, season: 12}      # against the same month of the year before
    """

    tasks: ClassVar[set[Task]] = {"forecasting"}
    higher_is_better: ClassVar[bool] = False
    conflicts: ClassVar[frozenset[str]] = frozenset({"source.windows.stride"})
    reasons: ClassVar[Mapping[str, str]] = {
        "source.windows.stride": "its rows are not one step apart, and the naive forecast would look better off"
    }

    season: PositiveInt = 1
    """Steps of a season: 1 for none, 12 for the year in months, 52 in weeks, 24 for the day in hours."""

    def build(self, target: TargetSpec) -> TorchMetric:
        """Counts absolute errors, and divides by the naive forecast's once it has been shown the train part."""
        from recipeline_plugins.metric.scaled_errors import ScaledErrors

        return ScaledErrors(self.season)
