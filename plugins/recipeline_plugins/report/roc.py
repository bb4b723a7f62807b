"""How well the probabilities rank one class before the others, whatever the threshold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import Report, Results
from recipeline_plugins.report.look import FAINT, PALETTE, dress, legend, new_figure, plain, save

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

MOST_NAMED = len(PALETTE)


def roc_points(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """False and true positive rate at every threshold, from (0, 0) to (1, 1).

    Equal scores share a threshold, so they make one point.
    """
    import numpy as np

    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    misses = np.arange(1, len(order) + 1) - hits
    last_of_tie = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    false_rate = np.append(0.0, misses[last_of_tie] / misses[-1])
    true_rate = np.append(0.0, hits[last_of_tie] / hits[-1])
    return false_rate, true_rate


def area(false_rate: np.ndarray, true_rate: np.ndarray) -> float:
    """Area under the curve: how likely a row of the class scores above one that isn't."""
    import numpy as np

    return float(np.trapezoid(true_rate, false_rate))


def one_against_rest(results: Results) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """A name, who belongs to it, and its score: the second class when there are two, else every class or label."""
    classes = results.target.classes
    for index, name in enumerate(classes):
        if results.target.task == "binary" and index == 0:
            continue
        belongs = results.truth[:, index] > 0.5 if results.truth.ndim == 2 else results.truth == index
        yield plain(name, longest=24), belongs, results.prediction[:, index]


def figure(results: Results) -> Figure | None:
    """The curves; None when no class has both rows that belong to it and rows that don't."""
    found, undefined = [], []
    for name, belongs, score in one_against_rest(results):
        if belongs.all() or not belongs.any():
            undefined.append(name)
            continue
        points = roc_points(belongs, score)
        found.append((name, *points, area(*points)))
    if not found:
        return None
    drawing = new_figure(6.0, 5.8)
    axes = drawing.add_subplot()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle=(0, (4, 3)))
    # With many classes only the hardest have a colour and a name; the others are the grey behind them.
    hardest = sorted(found, key=lambda curve: curve[3]) if len(found) > MOST_NAMED else found
    named, others = hardest[:MOST_NAMED], hardest[MOST_NAMED:]
    for _, false_rate, true_rate, _ in others:
        axes.plot(false_rate, true_rate, color="#D0D0D0", linewidth=1)
    for (name, false_rate, true_rate, auc), colour in zip(named, PALETTE, strict=False):
        axes.plot(false_rate, true_rate, color=colour, linewidth=2, label=f"{name}: AUC {auc:.3f}")
    if others:
        mean = sum(curve[3] for curve in found) / len(found)
        axes.plot([], [], color="#D0D0D0", label=f"{len(others)} others; mean of all {mean:.3f}")
    for name in undefined[:MOST_NAMED]:
        axes.plot([], [], color="none", label=f"{name}: undefined in this part")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    dress(
        axes,
        title=f"ROC, {results.part} part",
        x="false positive rate (rows of other classes taken for it)",
        y="true positive rate (its rows that are found)",
    )
    legend(axes, loc="lower right")
    return drawing


class Roc(Report, name="roc"):
    """True against false positive rate over all thresholds, with the area under each curve.

    Writes `roc.png`. With two classes one curve, for the second of them in sorted order; with more, each class
    against the rest; with labels, one a label. Fawcett 2006, An introduction to ROC analysis.
    """

    example = """
        metrics: [roc_auc]
        reports: [roc]
    """

    tasks = frozenset({"binary", "multiclass", "multilabel"})

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG, or none when there is nothing to rank."""
        if results.truth is None or results.prediction is None or not len(results.truth):
            return []
        drawing = figure(results)
        return [save(drawing, folder / "roc.png")] if drawing else []
