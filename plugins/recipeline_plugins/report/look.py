"""How every figure looks: one palette, one grid, one way to a PNG.

Figures are made without pyplot, so that nothing global changes and a report may be written from any thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, told apart by colour-blind readers too; their yellow is too light for a line."""

INK = "#222222"
FAINT = "#9A9A9A"
DOTS_PER_INCH = 150
MANY_POINTS = 5000
"""From here on a cloud of points is drawn as a density, which stays readable and quick."""


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, in inches, that arranges its own margins."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")


def dress(axes: Axes, *, title: str = "", x: str = "", y: str = "", grid: bool = True) -> None:
    """Give axes their title and labels, a light grid beneath the data, and no frame but the two axes."""
    axes.set_title(plain(title), fontsize=12, fontweight="bold", color=INK, loc="left", pad=10)
    axes.set_xlabel(plain(x), fontsize=11, color=INK)
    axes.set_ylabel(plain(y), fontsize=11, color=INK)
    axes.tick_params(labelsize=10, colors=INK, length=3)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(True, color="#E4E4E4", linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)


def epochs_axis(axes: Axes) -> None:
    """Whole epochs along the x axis, and half an epoch of room at both ends, so that one alone is in the middle."""
    first, last = axes.dataLim.intervalx
    axes.set_xlim(first - 0.5, last + 0.5)
    whole_numbers(axes.xaxis, most=10)


def whole_numbers(axis: Axis, most: int = 6) -> None:
    """Ticks at whole numbers only, for an axis that counts."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True, nbins=most, steps=[1, 2, 5, 10]))


def legend(axes: Axes, **where: Any) -> None:
    """The legend, on a light ground so that lines behind it don't cross the words."""
    axes.legend(fontsize=10, frameon=True, framealpha=0.9, edgecolor="#DDDDDD", labelcolor=INK, **where)


def cloud(axes: Axes, x: Any, y: Any) -> None:
    """Points; a density where there are too many to see."""
    if len(x) < MANY_POINTS:
        alpha = 0.7 if len(x) < 500 else 0.35
        axes.scatter(x, y, s=22, color=PALETTE[0], alpha=alpha, linewidths=0)
    else:
        axes.hexbin(x, y, gridsize=60, mincnt=1, bins="log", cmap="Blues", linewidths=0)


def plain(text: object, longest: int = 60) -> str:
    """Words of the data as they are: a dollar sign starts no formula, and a long name is cut."""
    words = str(text)
    if len(words) > longest:
        words = words[: longest - 1] + "…"
    return words.replace("$", r"\$")


def save(figure: Figure, path: Path) -> Path:
    """Write the figure as a PNG.

    Drawn once: `savefig` goes through the figure twice, the first time for the margins alone, which drawing arranges.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.image import imsave

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    imsave(path, canvas.buffer_rgba(), format="png", dpi=DOTS_PER_INCH, pil_kwargs={"compress_level": 4})
    return path


def spans_decades(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis shows these values better: all positive, over more than two decades."""
    return len(values) > 1 and min(values) > 0 and max(values) / min(values) > 100
