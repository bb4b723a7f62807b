"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipeline import Report, Results
from recipeline_plugins.report.look import INK, dress, new_figure, plain, save

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

MOST_WORDS = 20
"""From more classes on a cell is too small for its numbers: the colour alone tells."""


def counts(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Rows by true class (down) and predicted class (across); int64 (classes, classes)."""
    import numpy as np

    pairs = truth.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def shares(table: np.ndarray) -> np.ndarray:
    """Each row as shares of its sum, which puts the recall on the diagonal; a class without rows gives zeros."""
    import numpy as np

    share: np.ndarray = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    return share


def figure(table: np.ndarray, classes: Sequence[Any], part: str) -> Figure:
    """The counts, shaded by their share of the true class."""
    share = shares(table)
    size = len(table)
    side = min(max(4.2, 0.75 * size + 2.4), 12.0)
    drawing = new_figure(side + 1.0, side)
    drawing.set_layout_engine("compressed")  # the margins that squares need: the usual ones cut the label on the left
    axes = drawing.add_subplot()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    names = [plain(name, longest=18) for name in classes]
    small = 10 if size <= 6 else 8 if size <= 12 else 7
    axes.set_xticks(range(size), names, rotation=0 if max(map(len, names)) * size < 40 else 45)
    axes.set_yticks(range(size), names)
    if size <= MOST_WORDS:
        for row in range(size):
            for column in range(size):
                ink = "white" if share[row, column] > 0.55 else INK
                text = f"{table[row, column]:,}"
                if table[row].sum():
                    text += f"\n{share[row, column]:.1%}"
                axes.text(column, row, text, ha="center", va="center", color=ink, fontsize=small)
    right = table.trace() / table.sum()
    title = f"Confusion matrix, {part} part\n{table.trace():,} of {table.sum():,} right ({right:.1%})"
    dress(axes, title=title, x="predicted class", y="true class", grid=False)
    axes.tick_params(labelsize=small, length=0)
    bar = drawing.colorbar(image, ax=axes, fraction=0.045, pad=0.03)
    bar.set_label("share of the true class", fontsize=10, color=INK)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    bar.outline.set_visible(False)
    return drawing


class ConfusionMatrix(Report, name="confusion_matrix"):
    """Which class is taken for which: counts, and the share of each true class.

    Writes `confusion_matrix.png`. Each row of data goes to its most probable class. The shares run along a true
    class, so that the diagonal holds each class's recall.

    Miller & Nicely 1955, An Analysis of Perceptual Confusions Among Some English Consonants.
    """

    example = "reports: [confusion_matrix]"

    tasks = frozenset({"binary", "multiclass"})

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One PNG, or none when nothing was predicted."""
        if results.truth is None or results.prediction is None or not len(results.truth):
            return []
        predicted = results.prediction.argmax(axis=1)
        table = counts(results.truth, predicted, len(results.target.classes))
        return [save(figure(table, results.target.classes, results.part), folder / "confusion_matrix.png")]
