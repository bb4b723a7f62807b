"""Each benchmark in its smallest size: it ends well, and everyone who should be in its table is."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CONTESTANTS = {
    "end_to_end": ["script by hand", "recipeline run, in an empty folder", "recipeline run, second time"],
    "epoch": ["hand loop, fused Adam", "recipeline run", "recipeline run, one mini-batch a step"],
    "growth": ["500 x 5"],
    "medium": ["cnn by recipeline run, 1 thread", "transformer by recipeline run, 1 thread"],
    "memory": ["plain Lightning", "plain Lightning, logging to MLflow", "recipeline run"],
    "mlflow_cost": ["SQLite, 0 metrics a second", "SQLite, 100 metrics a second", "HTTP, 100 metrics a second"],
    "preprocessing": ["polars, parse alone", "recipeline, second time", "pandas and scikit-learn"],
    "startup": ["floor", "validate", "--help", "plugins", "schema", "run, second time"],
    "step": ["hand loop, fused Adam", "recipeline run", "Lightning as its docs show it"],
}


def quick(script: str, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), "--quick", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def rows(output: str) -> list[str]:
    """The first cell of every line of every table."""
    return [cells[1].strip() for line in output.splitlines() if len(cells := line.split("|")) > 2]


def test_every_script_is_here():
    assert {path.stem for path in BENCHMARKS.glob("*.py")} == set(CONTESTANTS)


@pytest.mark.slow
@pytest.mark.parametrize("script", CONTESTANTS)
def test_quick(script):
    output = quick(script)
    assert set(CONTESTANTS[script]) <= set(rows(output))
    assert "Not taken part" not in output
    assert re.search(r"cores, \d+ GB; threads: .*; Python 3", output)


def test_the_commands_alone_are_fast_to_measure():
    output = quick("startup", "--no-run")
    assert {"floor", "validate", "--help", "plugins", "schema"} <= set(rows(output))
