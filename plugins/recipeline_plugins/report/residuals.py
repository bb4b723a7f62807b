"""What a regression leaves unexplained, and where."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import Report, Results
from recipeline_plugins.report.look import INK, PALETTE, cloud, dress, legend, new_figure, save, whole_numbers

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


def residuals(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """True minus predicted: positive where the model says too little."""
    difference: np.ndarray = truth - prediction
    return difference


def figure(results: Results) -> Figure:
    """A row a target: residuals against predictions, and their distribution beside it."""
    names = results.target.columns
    drawing = new_figure(8.2, 0.6 + 3.9 * len(names))
    grid = drawing.subplots(len(names), 2, squeeze=False, sharey="row", width_ratios=[2.6, 1])
    for index, name in enumerate(names):
        left, right = grid[index]
        predicted = results.prediction[:, index]
        rest = residuals(results.truth[:, index], predicted)
        cloud(left, predicted, rest)
        dress(
            left,
            title=f"Residuals of {name}, {results.part} part",
            x=f"predicted {name}",
            y="true - predicted",
        )
        bins = min(max(10, math.isqrt(len(rest))), 50)
        right.hist(rest, bins=bins, orientation="horizontal", color=PALETTE[0], edgecolor="white", linewidth=0.6)
        dress(right, x="rows")
        whole_numbers(right.xaxis)
        for axes in (left, right):
            axes.axhline(0, color=INK, linewidth=1)
        mean = rest.mean()
        right.axhline(mean, color=PALETTE[1], linewidth=2, label=f"mean {mean:.3g}\ns.d. {rest.std():.3g}")
        legend(right, loc="best", handlelength=1)
    return drawing


class Residuals(Report, name="residuals"):
    """True minus predicted values against the prediction, and their distribution.

    Writes `residuals.png`, in the target's own unit. A funnel means that errors grow with the value (try a
    logarithm of the target), a bend that something is missing from the model, a mean off zero that it is biased.

    Cook & Weisberg 1982, Residuals and Influence in Regression.
    """

    example = "reports: [residuals, predicted_vs_true]"

    tasks = frozenset({"regression"})

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG, or none when nothing was predicted."""
        if results.truth is None or results.prediction is None or not len(results.truth):
            return []
        return [save(figure(results), folder / "residuals.png")]
