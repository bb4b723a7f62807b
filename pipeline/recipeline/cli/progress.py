"""What a person sees while a run goes on: bars on a terminal, a line a stage and a line an epoch elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

from recipeline.cli.output import console, is_terminal, note
from recipeline.training.observer import Observer

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, TaskID

SHOWN = 4
"""Metrics in an epoch's line: the losses first, then the recipe's own in their order."""
REDRAWN_PER_S = 6
"""How often what moves is drawn: often enough to look alive, seldom enough to cost the training nothing."""


def number(value: float) -> str:
    """A few digits that count, in 8 characters at most (9 with a sign)."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 10:
        return f"{value:.4f}"
    if 1e4 <= size < 1e6:
        return f"{value:,.0f}"  # an error in an amount of money: nobody reads 3.53e+04 at a glance
    return f"{value:.2f}" if 10 <= size < 1e4 else f"{value:.2e}"


def rate(per_second: float) -> str:
    """Examples a second in a few characters."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if per_second >= size:
            return f"{per_second / size:.1f}{unit}/s"
    return f"{per_second:.0f}/s"


def numbers(metrics: Mapping[str, float]) -> str:
    """An epoch's numbers, such as `train/loss   0.3121  val/loss   0.2954  val/accuracy   0.9300   21.4k/s`.

    They are padded, so that lines below each other align.
    """
    first = [name for name in ("train/loss", "val/loss") if name in metrics]
    more = [name for name in metrics if name.startswith("val/") and name not in first]
    told = [f"{name} {number(metrics[name]):>8}" for name in (first + more)[:SHOWN]]
    speed = metrics.get("train/examples_per_second")
    return "  ".join([*told, *([f"{rate(speed):>8}"] if speed else [])])


def epoch_line(epoch: int, epochs: int, metrics: Mapping[str, float]) -> str:
    """One line for an epoch, such as `epoch  3/20  train/loss   0.3121  val/loss   0.2954   21.4k/s`."""
    return f"epoch {epoch:>{len(str(epochs))}}/{epochs}  {numbers(metrics)}"


class Lines(Observer):
    """One line a stage, one an epoch: for logs and pipes."""

    def __init__(self) -> None:
        self.epochs = 0

    def stage_finished(self, name: str, seconds: float) -> None:
        """Say that a stage is done."""
        note(f"{name:<11}{seconds:7.1f} s")

    def note(self, text: str) -> None:
        """Say it."""
        note(f"note: {text}")

    def fit_started(self, epochs: int, steps: int) -> None:
        """Remember how many epochs there are."""
        self.epochs = epochs

    def epoch_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Say how the epoch went."""
        note(epoch_line(epoch, self.epochs, metrics))

    def close(self) -> None:
        """Nothing is left on the screen."""


class Bars(Observer):
    """What goes on now; a bar over all epochs with the time left, the numbers below it; the stages as they end."""

    def __init__(self) -> None:
        from rich.live import Live

        self.out = console(stderr=True)
        self.epochs = self.steps = 0
        self.progress: Progress | None = None
        self.bar: TaskID | None = None
        self.latest = ""
        self.stage, self.began = "starting", monotonic()
        self.live = Live(console=self.out, get_renderable=self.now, transient=True, refresh_per_second=REDRAWN_PER_S)
        self.live.start(refresh=True)

    def now(self) -> RenderableType:
        """What is drawn below the lines that stay."""
        from rich.console import Group
        from rich.text import Text

        progress = self.progress  # read once: drawing goes on in a thread of its own while the training ends
        if progress is None:
            seconds = monotonic() - self.began
            return Text.assemble("… ", f"{self.stage:<11}", (f"{seconds:6.1f} s", "dim"))
        below = Text(f"  {self.latest}", style="dim", no_wrap=True)
        # Not up to the edge: the `^C` that a terminal writes would begin another line, and one would be left behind.
        below.truncate(self.out.width - 4, overflow="ellipsis")
        return Group(progress, below)

    def stage_started(self, name: str) -> None:
        """Show that it goes on."""
        self.stage, self.began = name, monotonic()

    def stage_finished(self, name: str, seconds: float) -> None:
        """Tick it off."""
        from rich.text import Text

        self.out.print(Text.assemble(("✓ ", "green"), f"{name:<11}", (f"{seconds:6.1f} s", "dim")))

    def note(self, text: str) -> None:
        """Say it."""
        from rich.padding import Padding
        from rich.text import Text

        self.out.print(Padding(Text(text, style="dim"), (0, 0, 0, 2)))

    def fit_started(self, epochs: int, steps: int) -> None:
        """Draw the bar."""
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.epochs, self.steps = epochs, max(steps, 1)
        progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.out,
            auto_refresh=False,
        )
        self.bar = progress.add_task(f"epoch 1/{epochs}", total=epochs * self.steps)
        self.progress = progress

    def step(self, epoch: int, step: int) -> None:
        """Move the bar."""
        if self.progress is not None and self.bar is not None:
            done = (epoch - 1) * self.steps + step
            width = len(str(self.epochs))
            self.progress.update(self.bar, completed=done, description=f"epoch {epoch:>{width}}/{self.epochs}")

    def epoch_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Move the bar, and show the epoch's numbers below it."""
        self.latest = numbers(metrics)
        self.step(epoch, self.steps)

    def fit_finished(self) -> None:
        """Take the bar away and keep the last numbers."""
        self.progress = None
        if self.latest:
            from rich.text import Text

            self.out.print(Text(f"  last epoch: {self.latest}", style="dim"), soft_wrap=True)

    def close(self) -> None:
        """Take away what moves, also after an error."""
        self.live.stop()


def observer() -> Lines | Bars:
    """The one that suits where stderr goes."""
    return Bars() if is_terminal(sys.stderr) else Lines()
