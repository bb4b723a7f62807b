"""How much memory a run takes: against plain Lightning on the same CSV, and with data four times what it may take.

First 300,000 rows of 50 numbers as a CSV, standardized, two epochs of a small MLP. Plain Lightning reads with pandas,
standardizes with scikit-learn and trains on a DataLoader; a second one logs to MLflow too, the model included. The
memory is that of all processes at once, that of the second interpreter which checks the logged model among it; a page
that several use is counted once.

Then a Parquet file whose arrays are four times as large as what the run is allowed: a control group leaves it what a
run of 2,000 rows takes of its own, and a quarter of the data's size. The script that holds its data in memory is shown
to fail within the same limit.

    python benchmarks/memory.py [--rounds 3] [--quick] [--record]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring.memory_limit import NoLimit, limited
from measuring.programs import Failed, contestant, run
from measuring.recipes import SMALL_TABLE, run_recipe
from measuring.results import Limit, arguments, markdown, report, shown, table
from measuring.rounds import Measures, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

COLUMNS = {"peak_mb": "MB", "own_mb": "MB own", "seconds": "seconds"}
PLAIN, LOGGING, OURS = "plain Lightning", "plain Lightning, logging to MLflow", "recipeline run"
LIMITS = [Limit(OURS, PLAIN, "peak_mb", 1.1)]
WIDE = 100
"""Columns of the large table."""


def main() -> int:
    """Print the table and what became of the large data; exit 1 when the limit isn't kept or it does not train."""
    assert __doc__
    options = arguments(__doc__, rounds=3).parse_args()
    rows, large = (3_000, 100_000) if options.quick else (300_000, 2_500_000)
    if options.quick:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small_table.write(folder, rows)
        recipe = (
            SMALL_TABLE.replace("{type: parquet, path: table.parquet}", "{type: csv, path: table.csv}")
            .replace("preprocessing: []", "preprocessing: [{type: standardize, columns: numeric}]")
            .replace("epochs: 5", "epochs: 2")
        )

        def lightning(kind: str) -> Measures:
            return taken(run(contestant("fit_by_lightning", folder, "2", kind), folder=folder, memory=True))

        contestants = {
            PLAIN: lambda: lightning("csv"),
            LOGGING: lambda: lightning("mlflow"),
            OURS: lambda: taken(run_recipe(recipe, folder, memory=True)),
        }
        rounds = alternate(contestants, options.rounds)
        trained, told = more_than_memory(folder, large)
    said = [table(rounds, COLUMNS, base=PLAIN, ratio=["peak_mb", "own_mb"]), told]
    code = report("Memory", said, options=options, rounds=rounds, limits=LIMITS, threads="1 in training")
    return code or int(not trained and not options.quick)


def taken(finished) -> Measures:
    """Seconds and memory."""
    found = {"seconds": finished.seconds, "peak_mb": finished.peak_mb, "own_mb": finished.own_mb}
    return {name: value for name, value in found.items() if value is not None}


def more_than_memory(place: Path, rows: int) -> tuple[bool, str]:
    """Whether data of four times the allowed memory trains, and the words for it."""
    recipe = (
        SMALL_TABLE.replace("path: table.parquet", "path: large.parquet")
        .replace("preprocessing: []", "preprocessing: [{type: standardize, columns: numeric}]")
        .replace("epochs: 5, batch_size: 256", "epochs: 1, batch_size: 4096")
    )
    folder = place / "large"
    folder.mkdir()
    small_table.write_parquet(folder / "large.parquet", 2_000, WIDE)
    base = run_recipe(recipe, folder, memory=True).own_mb
    if base is None:
        return True, "Larger than memory: not tried, for only Linux shows what a process takes."
    small_table.write_parquet(folder / "large.parquet", rows, WIDE)
    data = rows * WIDE * 4 / 2**20
    allowed = base + data / 4
    lines = []
    try:
        with limited(allowed) as before:
            try:
                finished = run_recipe(recipe, folder, before=before, memory=True)
                seconds, own = shown(finished.seconds), shown(finished.own_mb)
                lines.append(["recipeline run", "trains", seconds, own])
            except Failed as failure:
                lines.append(["recipeline run", f"fails: {failure}", "-", "-"])
            try:
                held = run([*before, *contestant("hold_parquet", folder / "large.parquet")], folder=folder, memory=True)
                lines.append(["arrays held in memory", "fits", shown(held.seconds), shown(held.own_mb)])
            except Failed:
                lines.append(["arrays held in memory", "fails", "-", "-"])
    except NoLimit as reason:
        return True, f"Larger than memory: not tried ({reason})."
    head = (
        f"Arrays of {data:,.0f} MB ({rows:,} rows of {WIDE} numbers) within {allowed:,.0f} MB, of which a run of 2,000 "
        f"rows takes {base:,.0f} of its own: four times what is left."
    )
    return lines[0][1] == "trains", f"{head}\n\n{markdown(['', 'within the limit', 'seconds', 'MB own'], lines)}"


if __name__ == "__main__":
    sys.exit(main())
