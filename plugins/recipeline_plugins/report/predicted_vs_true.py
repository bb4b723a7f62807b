"""How near the predictions come to the truth, row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import Report, Results
from recipeline_plugins.report.look import INK, cloud, dress, new_figure, save

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

MOST_ACROSS = 3


@dataclass(frozen=True, slots=True)
class Fit:
    """How good a regression is, in numbers."""

    r2: float
    """1 - sum of squares left / sum of squares around the mean: 1 is perfect, 0 is as good as the mean. NaN when
    the truth does not vary."""
    rmse: float
    """Root of the mean squared error, in the target's unit."""
    mae: float
    """Mean absolute error, in the target's unit."""


def judge(truth: np.ndarray, prediction: np.ndarray) -> Fit:
    """The fit of one target's predictions; both (rows,)."""
    error = truth - prediction
    spread = ((truth - truth.mean()) ** 2).sum()
    r2 = 1 - (error**2).sum() / spread if spread > 0 else math.nan
    return Fit(float(r2), math.sqrt((error**2).mean()), float(abs(error).mean()))


def figure(results: Results) -> Figure:
    """A panel a target, with the line on which a perfect model would lie."""
    names = results.target.columns
    across = min(len(names), MOST_ACROSS)
    down = math.ceil(len(names) / across)
    drawing = new_figure(5.2 * across + 0.4, 5.2 * down + 0.2)
    panels = drawing.subplots(down, across, squeeze=False).ravel()
    for spare in panels[len(names) :]:
        spare.set_visible(False)
    for index, (name, axes) in enumerate(zip(names, panels, strict=False)):
        truth, predicted = results.truth[:, index], results.prediction[:, index]
        cloud(axes, truth, predicted)
        low, high = min(truth.min(), predicted.min()), max(truth.max(), predicted.max())
        margin = 0.04 * (high - low) or 0.5
        limits = (low - margin, high + margin)
        axes.plot(limits, limits, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlim=limits, ylim=limits, aspect="equal")
        fit = judge(truth, predicted)
        words = "R² undefined" if math.isnan(fit.r2) else f"R² {fit.r2:.3f}"
        axes.text(
            0.04, 0.96, f"{words}\nRMSE {fit.rmse:.4g}\nMAE {fit.mae:.4g}", transform=axes.transAxes, va="top",
            fontsize=10, color=INK, bbox={"facecolor": "white", "edgecolor": "#DDDDDD", "alpha": 0.9, "pad": 5},
        )  # fmt: skip
        dress(axes, title=f"{name}, {results.part} part", x=f"true {name}", y=f"predicted {name}")
    return drawing


class PredictedVsTrue(Report, name="predicted_vs_true"):
    """Predicted against true values, with the line of a perfect model, R², RMSE and MAE.

    Writes `predicted_vs_true.png`, in the target's own unit. A cloud flatter than the line is a model that plays
    safe and stays near the mean.

    Piñeiro et al. 2008, How to Evaluate Models: Observed vs. Predicted or Predicted vs. Observed?
    """

    example = "reports: [predicted_vs_true]"

    tasks = frozenset({"regression"})

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG, or none when nothing was predicted."""
        if results.truth is None or results.prediction is None or not len(results.truth):
            return []
        return [save(figure(results), folder / "predicted_vs_true.png")]
