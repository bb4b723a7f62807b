"""What is shown while a run goes on: lines that align, and a terminal that is left clean."""

import io
import re
import subprocess
import sys

import pytest

from recipeline.cli import progress
from recipeline.cli.progress import Bars, Lines, epoch_line, number, observer, rate

FIRST = {"val/rmse": 589.6913, "val/mae": 12.0, "train/loss": 1.5470, "val/loss": 0.9019, "lr": 0.1}
LAST = {"val/rmse": 8.25, "val/mae": 9.0, "train/loss": 0.000321, "val/loss": 12345.6, "lr": 0.1}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"), (0.93, "0.9300"), (1.0984, "1.0984"), (589.6913, "589.69"), (9999.0, "9999.00"),
        (0.000321, "3.21e-04"), (12345.6, "12,346"), (-999999.0, "-999,999"),
        (1234567.0, "1.23e+06"), (-0.25, "-0.2500"),
    ],
)  # fmt: skip
def test_a_number_has_the_digits_that_count(value, text):
    assert number(value) == text


def test_rates_are_short():
    assert [rate(value) for value in (12.3, 21_400, 3_200_000)] == ["12/s", "21.4k/s", "3.2M/s"]


def test_epochs_below_each_other_align():
    speed = "train/examples_per_second"
    first, last = epoch_line(3, 200, FIRST | {speed: 900.0}), epoch_line(120, 200, LAST | {speed: 21_400.0})
    assert first.startswith("epoch   3/200  train/loss   1.5470  val/loss   0.9019  val/rmse   589.69  val/mae")
    assert first.endswith("  900/s")
    assert last.endswith("21.4k/s")
    assert len(first) == len(last)
    for name in ("train/loss", "val/loss", "val/rmse", "val/mae"):
        assert first.index(name) == last.index(name)


def test_losses_come_first_and_others_in_the_recipes_order():
    assert re.findall(r"[a-z]+/[a-z]+", epoch_line(1, 1, FIRST)) == ["train/loss", "val/loss", "val/rmse", "val/mae"]


def test_without_a_terminal_there_is_a_line_a_stage_and_a_line_an_epoch(capsys):
    shown = observer()
    assert isinstance(shown, Lines)
    shown.note("something to know")
    shown.stage_finished("read", 0.25)
    shown.fit_started(10, 5)
    shown.epoch_finished(2, {"train/loss": 0.5})
    shown.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["note: something to know", "read           0.2 s", "epoch  2/10  train/loss   0.5000"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Puts a terminal of 80 columns on stderr, and gives what is written to it."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(progress, "REDRAWN_PER_S", 0.01)  # nothing is drawn in between

    def put():
        stream = Terminal()
        monkeypatch.setattr(sys, "stderr", stream)  # in the test: pytest changes it between fixture and test
        return stream

    return put


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).replace("\r", "\n")


def test_a_terminal_shows_what_goes_on(terminal):
    screen = terminal()
    shown = observer()
    assert isinstance(shown, Bars)
    try:
        assert "starting" in plain(screen.getvalue())
        shown.stage_started("read")
        shown.live.refresh()
        assert "… read" in plain(screen.getvalue())
        shown.stage_finished("read", 0.3)
        assert "✓ read          0.3 s" in plain(screen.getvalue())
        shown.fit_started(200, 10)
        shown.epoch_finished(3, FIRST)
        shown.step(4, 5)
        shown.live.refresh()
        bar = next(line for line in plain(screen.getvalue()).splitlines() if "epoch   4/200" in line)
        assert "━" * 24 in bar.replace("╺", "━").replace("╸", "━"), "the bar keeps its width on a narrow terminal"
        assert re.search(r"0:00:0\d left \S+$", bar.rstrip())
        numbers = next(line for line in plain(screen.getvalue()).splitlines() if "val/rmse   589.69" in line)
        assert len(numbers.rstrip()) <= 76, "a `^C` fits behind it"
        shown.note("a sentence that is longer than the terminal is wide " * 3)
        said = [line.rstrip() for line in plain(screen.getvalue()).splitlines()]
        assert "  a sentence that is longer than the terminal is wide a sentence that is longer" in said, (
            "broken at a word"
        )
        shown.fit_finished()
        assert "last epoch: train/loss   1.5470" in plain(screen.getvalue())
    finally:
        shown.close()
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h") == 1, "the cursor is back"


def test_the_training_may_end_while_the_bar_is_drawn(terminal, monkeypatch):
    stream = terminal()
    bars = Bars()
    bars.fit_started(3, 10)
    found = [bars.progress]

    def ends_meanwhile(self):
        return found.pop() if found else None

    monkeypatch.setattr(Bars, "progress", property(ends_meanwhile, lambda self, value: None), raising=False)
    bars.live.refresh()
    bars.close()
    assert "epoch 1/3" in plain(stream.getvalue())


def test_it_is_there_before_anything_heavy_is_imported():
    code = "import recipeline.cli.progress, sys; print({'torch', 'pytorch_lightning', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
