"""What a person sees while a run goes on: bars and a line an epoch on a terminal, lines alone elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from recipeline.cli.output import console, is_terminal, note
from recipeline.training.observer import Observer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOWN = 4
"""Metrics in an epoch's line: the losses first, then the recipe's own in their order."""


def number(value: float) -> str:
    """Four digits that count, the same width for usual sizes."""
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.3g}"


def rate(per_second: float) -> str:
    """Examples a second in a few characters."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if per_second >= size:
            return f"{per_second / size:.1f}{unit}/s"
    return f"{per_second:.0f}/s"


def epoch_line(epoch: int, epochs: int, metrics: Mapping[str, float]) -> str:
    """One line for an epoch, such as `epoch  3/20  train/loss 0.3121  val/loss 0.2954  val/accuracy 0.93  21.4k/s`."""
    first = [name for name in ("train/loss", "val/loss") if name in metrics]
    more = [name for name in metrics if name.startswith("val/") and name not in first]
    told = [f"{name} {number(metrics[name])}" for name in (first + more)[:SHOWN]]
    speed = metrics.get("train/examples_per_second")
    width = len(str(epochs))
    return "  ".join([f"epoch {epoch:>{width}}/{epochs}", *told, *([rate(speed)] if speed else [])])


class Lines(Observer):
    """One line a stage, one an epoch: for logs and pipes."""

    def __init__(self) -> None:
        self.epochs = 0

    def stage_finished(self, name: str, seconds: float) -> None:
        """Say that a stage is done."""
        note(f"{name:<11}{seconds:7.1f} s")

    def note(self, text: str) -> None:
        """Say it."""
        note(f"  note: {text}")

    def fit_started(self, epochs: int, steps: int) -> None:
        """Remember how many epochs there are."""
        self.epochs = epochs

    def epoch_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Say how the epoch went."""
        note(epoch_line(epoch, self.epochs, metrics))


class Bars(Observer):
    """A bar over all epochs with the time left, the current loss beside it, and the stages as they end."""

    def __init__(self) -> None:
        self.out = console(stderr=True)
        self.epochs = self.steps = 0
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self.latest = ""
        self.began = monotonic()

    def stage_finished(self, name: str, seconds: float) -> None:
        """Tick it off."""
        from rich.text import Text

        self.out.print(Text.assemble(("✓ ", "green"), f"{name:<11}", (f"{seconds:6.1f} s", "dim")))

    def note(self, text: str) -> None:
        """Say it, below its stage."""
        from rich.text import Text

        self.out.print(Text.assemble(("  ", ""), (text, "dim")), soft_wrap=True)

    def fit_started(self, epochs: int, steps: int) -> None:
        """Draw the bar."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.epochs, self.steps = epochs, max(steps, 1)
        self.progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[latest]}"),
            console=self.out,
            transient=True,
        )
        self.progress.start()
        self.bar = self.progress.add_task(f"epoch 1/{epochs}", total=epochs * self.steps, latest="")

    def step(self, epoch: int, step: int) -> None:
        """Move the bar."""
        if self.progress is not None and self.bar is not None:
            done = (epoch - 1) * self.steps + step
            self.progress.update(
                self.bar, completed=done, description=f"epoch {epoch}/{self.epochs}", latest=self.latest
            )

    def epoch_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Move the bar, and show the epoch's numbers beside it."""
        line = epoch_line(epoch, self.epochs, metrics)
        self.latest = "  ".join(line.split("  ")[1:])
        self.step(epoch, self.steps)

    def fit_finished(self) -> None:
        """Take the bar away and keep the last numbers."""
        self.close()
        if self.latest:
            from rich.text import Text

            self.out.print(Text(f"  last epoch: {self.latest}", style="dim"))

    def close(self) -> None:
        """Take the bar away, also after an error."""
        if self.progress is not None:
            self.progress.stop()
            self.progress = None


def observer() -> Lines | Bars:
    """The one that suits where stderr goes."""
    return Bars() if is_terminal(sys.stderr) else Lines()
