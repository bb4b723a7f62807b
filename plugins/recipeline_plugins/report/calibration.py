"""Whether a probability of 80 % comes true in 80 of 100 cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import Report, Results
from recipeline_plugins.report.look import FAINT, PALETTE, dress, legend, new_figure, save, whole_numbers

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Bins:
    """Predictions grouped by their probability, the empty groups left out."""

    predicted: np.ndarray
    """Mean probability of each group."""
    observed: np.ndarray
    """Share of each group that came true."""
    rows: np.ndarray
    """Size of each group."""

    @property
    def expected_error(self) -> float:
        """Expected calibration error: the mean gap between predicted and observed, weighted by size."""
        return float((abs(self.predicted - self.observed) * self.rows).sum() / self.rows.sum())


def group(came_true: np.ndarray, probability: np.ndarray, bins: int) -> Bins:
    """Group by equal steps of the probability; 1 falls into the last group."""
    import numpy as np

    edges = np.linspace(0.0, 1.0, bins + 1)
    index = np.searchsorted(edges[1:-1], probability)
    rows = np.bincount(index, minlength=bins)
    full = rows > 0
    predicted = np.bincount(index, weights=probability, minlength=bins)[full] / rows[full]
    observed = np.bincount(index, weights=came_true.astype(float), minlength=bins)[full] / rows[full]
    return Bins(predicted, observed, rows[full])


def claims(results: Results) -> tuple[np.ndarray, np.ndarray, str]:
    """What is claimed with which probability: whether it came true, the probability, and its name.

    Two classes: that a row is of the second. More: that the most probable class is right. Labels: each of them.
    """
    import numpy as np

    truth, prediction = results.truth, results.prediction
    if results.target.task == "binary":
        return truth == 1, prediction[:, 1], f"probability of {results.target.classes[1]}"
    if results.target.task == "multilabel":
        return np.ravel(truth) > 0.5, np.ravel(prediction), "probability of a label"
    return prediction.argmax(axis=1) == truth, prediction.max(axis=1), "probability of the predicted class"


def figure(results: Results, bins: int) -> Figure:
    """Observed against predicted, and below how many rows there are at each probability."""
    import numpy as np

    came_true, probability, name = claims(results)
    found = group(came_true, probability, bins)
    drawing = new_figure(6.0, 6.6)
    upper, lower = drawing.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
    upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)), label="perfectly calibrated")
    label = f"this model: ECE {found.expected_error:.3f}"
    upper.plot(found.predicted, found.observed, color=PALETTE[0], linewidth=2, marker="o", markersize=6, label=label)
    upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    dress(upper, title=f"Calibration, {results.part} part", y="share that came true")
    legend(upper, loc="upper left")
    lower.hist(probability, bins=np.linspace(0, 1, bins + 1), color=PALETTE[0], edgecolor="white", linewidth=0.8)
    whole_numbers(lower.yaxis, most=4)
    dress(lower, x=name, y="rows")
    return drawing


class Calibration(Report, name="calibration"):
    """Whether what is given 80 % comes true in 80 of 100 cases: reliability diagram, histogram and ECE.

    Writes `calibration.png`. Below the diagonal the model is too sure of itself, above it too timid. ECE is the
    mean of |predicted - observed| over the bins, weighted by their rows: 0 is perfect, and few rows alone lift it.
    With more than two classes it is the most probable one that is judged. Guo et al. 2017, On Calibration of
    Modern Neural Networks.
    """

    example = """
        reports:
          - {type: calibration, bins: 15}
    """

    tasks = frozenset({"binary", "multiclass", "multilabel"})
    bins: int = Field(default=10, ge=2, le=100)
    """Steps that the probabilities are grouped by. More shows finer detail and needs more rows."""

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG, or none when nothing was predicted."""
        if results.truth is None or results.prediction is None or not len(results.truth):
            return []
        return [save(figure(results, self.bins), folder / "calibration.png")]
