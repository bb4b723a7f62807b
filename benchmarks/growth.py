"""How seconds and memory of `recipeline run` grow with rows and with columns.

A CSV of numbers and two classes, standardized, two epochs of a small MLP in batches of 1024, everything logged; each
run in a process and a cache of its own. Rows from 10,000 to a million at 20 columns (ten million with --largest: 2 GB
of CSV, minutes), columns from 10 to 500 at 10,000 rows. The memory is that of all its processes, a page that several
use counted once; the part of it that no file stands behind is what the machine can't take back.

    python benchmarks/growth.py [--rounds 3] [--largest] [--quick] [--record]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring.recipes import SMALL_TABLE, run_recipe
from measuring.results import arguments, markdown, report, shown
from measuring.rounds import Measures, Rounds, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

MEASURES = {
    "seconds": "seconds",
    "time/read_seconds": "read",
    "time/preprocess_seconds": "preprocess",
    "time/fit_seconds": "fit",
    "cpu_s": "processor, all",
    "peak_mb": "MB",
    "own_mb": "MB own",
}


def main() -> int:
    """Print a table by rows and one by columns."""
    assert __doc__
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--largest", action="store_true", help="ten million rows too")
    options = parser.parse_args()
    by_rows = [(rows, 20) for rows in (10_000, 100_000, 1_000_000)]
    by_columns = [(10_000, columns) for columns in (10, 50, 200, 500)]
    if options.largest:
        by_rows.append((10_000_000, 20))
    if options.quick:
        options.rounds, by_rows, by_columns = 1, [(500, 5)], []
    with tempfile.TemporaryDirectory() as temporary:
        contestants = {
            size(*shape): lambda s=shape: grown(Path(temporary), *s)  # type: ignore[misc]
            for shape in [*by_rows, *by_columns]
        }
        rounds = alternate(contestants, options.rounds)
    said = [by_size(rounds, shapes) for shapes in (by_rows, by_columns) if shapes]
    return report("Growth", said, options=options, rounds=rounds, threads="1 in training")


def size(rows: int, columns: int) -> str:
    """What a table is called."""
    return f"{rows:,} x {columns}"


def grown(place: Path, rows: int, columns: int) -> Measures:
    """A run on a table of this size, which is written first and not kept."""
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary)
        small_table.write_csv(folder / "table.csv", rows, columns)
        recipe = (
            SMALL_TABLE.replace("{type: parquet, path: table.parquet}", "{type: csv, path: table.csv}")
            .replace("preprocessing: []", "preprocessing: [{type: standardize, columns: numeric}]")
            .replace("epochs: 5, batch_size: 256", "epochs: 2, batch_size: 1024")
        )
        finished = run_recipe(recipe, folder, memory=True)
    found = {"seconds": finished.seconds, "cpu_s": finished.cpu_s, **finished.result}
    memory = {"peak_mb": finished.peak_mb, "own_mb": finished.own_mb}
    return found | {name: value for name, value in memory.items() if value is not None}


def by_size(rounds: Rounds, shapes: list[tuple[int, int]]) -> str:
    """The table of one kind of growth, with ratios to the line above."""
    names = [size(*shape) for shape in shapes if rounds.measured[size(*shape)]]
    rows = []
    for before, name in zip([None, *names], names, strict=False):
        ratios = [
            "-" if before is None or not found else f"{sorted(found)[len(found) // 2]:.2f}"
            for found in (
                [] if before is None else rounds.ratios(name, before, measure) for measure in ("seconds", "peak_mb")
            )
        ]
        rows.append([name, *(shown(rounds.median(name, measure)) for measure in MEASURES), *ratios])
    return markdown(["rows x columns", *MEASURES.values(), "seconds to line above", "MB to line above"], rows)


if __name__ == "__main__":
    sys.exit(main())
