"""The table that a benchmark prints, and its section in RESULTS.md."""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from measuring.rounds import Rounds

RESULTS = Path(__file__).parent.parent / "RESULTS.md"
LIBRARIES = ("recipeline", "torch", "pytorch-lightning", "mlflow", "polars", "scikit-learn", "pandas")


@dataclass(frozen=True, slots=True)
class Limit:
    """What a ratio may be at most."""

    name: str
    to: str
    measure: str
    most: float


def arguments(description: str, rounds: int = 5) -> argparse.ArgumentParser:
    """The options that every benchmark has."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each has its turn")
    parser.add_argument("--quick", action="store_true", help="one round of very little: whether it works, in seconds")
    parser.add_argument("--record", action="store_true", help="replace this benchmark's section in RESULTS.md")
    return parser


def table(rounds: Rounds, columns: Mapping[str, str], *, base: str, ratio: Sequence[str]) -> str:
    """A Markdown table: medians, and ratios to `base` as the middle, lowest and highest of the rounds.

    Args:
        rounds: What was measured.
        columns: Measure to heading.
        base: The contestant that the others are compared with.
        ratio: The measures that ratios are shown of.
    """
    heads = ["", *columns.values(), *(f"ratio of {columns[measure]}" for measure in ratio)]
    rows = [
        [
            name,
            *(shown(rounds.median(name, measure)) for measure in columns),
            *(spread(rounds.ratios(name, base, measure)) for measure in ratio),
        ]
        for name in rounds.names()
    ]
    return markdown(heads, rows)


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lines of a Markdown table whose columns stand beneath each other in a terminal too."""
    widths = [max(len(row[place]) for row in [heads, *rows]) for place in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        first, *others = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return f"| {' | '.join([first, *others])} |"

    rule = [("-" * width if place == 0 else "-" * (width - 1) + ":") for place, width in enumerate(widths)]
    return "\n".join([line(heads), line(rule), *(line(row) for row in rows)])


def shown(value: float | None) -> str:
    """A number with three digits that count."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(ratios: Sequence[float]) -> str:
    """The middle of the rounds' ratios, and the lowest and the highest."""
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def judged(rounds: Rounds, limits: Sequence[Limit]) -> tuple[list[str], bool]:
    """A line for each limit, and whether all are kept."""
    lines, kept = [], True
    for limit in limits:
        ratios = rounds.ratios(limit.name, limit.to, limit.measure) if limit.name in rounds.measured else []
        if not ratios:
            continue
        found = statistics.median(ratios)
        kept = kept and found <= limit.most
        word = "kept" if found <= limit.most else "**not kept**"
        lines.append(f"- {limit.name} / {limit.to}: {found:.2f}, at most {limit.most:.3g} wanted: {word}.")
    return lines, kept


def report(
    title: str,
    paragraphs: Sequence[str],
    *,
    options: argparse.Namespace,
    rounds: Rounds,
    limits: Sequence[Limit] = (),
    threads: str,
) -> int:
    """Print a benchmark's tables and words, and record them where that was asked for.

    Returns:
        The exit code: 1 when a limit isn't kept. A quick run measures nothing, so it breaks none.
    """
    about = (
        f"{date.today()}, medians of {options.rounds} rounds, {rounds.seconds:.0f} s in all. {machine()}; threads: "
        f"{threads}; {versions()}."
    )
    left_out = [f"Not taken part: {name} ({why})." for name, why in rounds.failed.items()]
    lines, kept = ([], True) if options.quick else judged(rounds, limits)
    text = "\n\n".join([*paragraphs, *(["\n".join(lines)] if lines else []), *left_out, about])
    print(text)
    if options.record and options.quick:
        print("Not recorded: --quick measures nothing.", file=sys.stderr)
    elif options.record:
        RESULTS.write_text(replaced(RESULTS.read_text(encoding="utf-8"), title, text), encoding="utf-8")
    return int(not kept)


def replaced(results: str, title: str, text: str) -> str:
    """The results with this section in place of the one of the same title, or at the end."""
    section = f"## {title}\n\n{text}\n"
    old = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    if old.search(results):
        return old.sub(lambda _: section + "\n", results, count=1).rstrip("\n") + "\n"
    return f"{results.rstrip()}\n\n{section}"


def machine() -> str:
    """Processor, cores and memory."""
    model = platform.processor() or platform.machine()
    place = Path("/proc/cpuinfo")
    if place.exists():
        names = re.findall(r"^model name\s*: (.*)$", place.read_text(), re.MULTILINE)
        model = names[0].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB"


def versions(names: Sequence[str] = LIBRARIES) -> str:
    """Python's and the libraries' versions."""
    found = [f"Python {platform.python_version()}"]
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)
