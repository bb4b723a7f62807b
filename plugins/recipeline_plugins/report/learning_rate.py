"""The learning rate by epoch: whether the schedule did what it was meant to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import Report, Results
from recipeline_plugins.report.look import PALETTE, dress, epochs_axis, new_figure, save, spans_decades

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(pairs: Sequence[tuple[int, float]]) -> Figure:
    """The rate of each epoch; on a logarithmic axis where it covers more than two decades."""
    drawing = new_figure(7.0, 3.6)
    axes = drawing.add_subplot()
    epochs, rates = zip(*pairs, strict=True)
    marker = "o" if len(epochs) <= 30 else None
    axes.plot(epochs, rates, color=PALETTE[0], linewidth=2, marker=marker, markersize=4)
    if spans_decades(rates):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0, top=max(rates) * 1.08 or 1)
        axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4), useMathText=True)
    epochs_axis(axes)
    dress(axes, title="Learning rate by epoch", x="epoch", y="learning rate")
    return drawing


class LearningRate(Report, name="learning_rate"):
    """The learning rate by epoch, as the scheduler made it.

    Writes `learning_rate.png`.
    """

    example = """
        scheduler: one_cycle
        reports: [learning_rate, curves]
    """

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG, or none when no rate was logged."""
        pairs = results.history.get("lr")
        return [save(figure(pairs), folder / "learning_rate.png")] if pairs else []
