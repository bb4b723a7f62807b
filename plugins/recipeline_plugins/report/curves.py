"""Loss and metrics by epoch: did it learn, did it overfit, when was it best."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import Report, Results
from recipeline_plugins.report.look import INK, PALETTE, dress, epochs_axis, legend, new_figure, save, spans_decades

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curve = list[tuple[int, float]]

PARTS = {"train": ("train", PALETTE[0]), "val": ("validation", PALETTE[1])}
NOT_QUALITY = {"examples_per_second"}


def by_metric(history: Mapping[str, Curve]) -> dict[str, dict[str, Curve]]:
    """The curves of each metric by part, the loss first; what is not finite is left out, like empty curves."""
    found: dict[str, dict[str, Curve]] = {}
    for key, pairs in history.items():
        part, _, metric = key.partition("/")
        finite = [(epoch, value) for epoch, value in pairs if math.isfinite(value)]
        if part in PARTS and metric and metric not in NOT_QUALITY and finite:
            found.setdefault(metric, {})[part] = finite
    return dict(sorted(found.items(), key=lambda item: item[0] != "loss"))


def figure(metric: str, curves: Mapping[str, Curve], best_epoch: int | None) -> Figure:
    """One metric, a line a part, the best epoch marked where the validation part was best."""
    drawing = new_figure(7.0, 4.2)
    axes = drawing.add_subplot()
    for part, (label, colour) in PARTS.items():
        if part in curves:
            epochs, values = zip(*curves[part], strict=True)
            marker = "o" if len(epochs) <= 30 else None
            axes.plot(epochs, values, color=colour, label=label, linewidth=2, marker=marker, markersize=4)
    if best_epoch is not None:
        axes.axvline(best_epoch, color=INK, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        marked = dict(curves.get("val") or curves.get("train") or [])
        label = f"best epoch: {best_epoch}"
        if best_epoch in marked:
            value = marked[best_epoch]
            axes.scatter(
                [best_epoch], [value], s=70, facecolor="white", edgecolor=INK, linewidth=1.6, zorder=5,
                label=f"{label} ({value:.4g})",
            )  # fmt: skip
        else:
            axes.plot([], [], color=INK, linewidth=1, linestyle=(0, (4, 3)), label=label)
    if spans_decades([value for curve in curves.values() for _, value in curve]):
        axes.set_yscale("log")
    epochs_axis(axes)
    dress(axes, title=f"{metric[0].upper()}{metric[1:]} by epoch", x="epoch", y=metric)
    legend(axes)
    return drawing


class Curves(Report, name="curves"):
    """Loss and each metric by epoch, train beside validation, the best epoch marked.

    One figure a metric: `curves_loss.png`, `curves_accuracy.png`, ... Curves that part from one another show
    overfitting. The train loss may lie above the validation loss: it is measured while the weights still move
    within the epoch, with dropout and penalties on.

    Prechelt 1998, Early Stopping - But When?
    """

    example = "reports: [curves]"

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG a metric that has a curve."""
        best = results.metrics.get("best/epoch")
        best_epoch = int(best) if best is not None else None
        written = []
        for metric, curves in by_metric(results.history).items():
            name = re.sub(r"[^\w.-]+", "_", metric)
            written.append(save(figure(metric, curves, best_epoch), folder / f"curves_{name}.png"))
        return written
