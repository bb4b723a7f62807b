"""A CSV of 2,000,000 rows to arrays ready to train: the recipe's steps against polars and scikit-learn.

15 columns of numbers with 5 % missing and 5 of words, and a target. Missing numbers become the median, numbers are
standardized, words one-hot encoded, all of it fitted on the 80 % that train; the end is float32 arrays on disk, by
part. The floor is polars' own streaming parse of the file, of which nothing is kept; the alternative scikit-learn's
ColumnTransformer on what pandas has read. Time and memory of the process, imports included; the memory with a page that
several processes use counted once, and the part of it that no file stands behind. Memory is looked at in rounds of its
own: each look stops a process that asks for memory on all cores more than one that computes on a single one.

    python benchmarks/preprocessing.py [--rounds 5] [--quick] [--record]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measuring.programs import contestant, run
from measuring.results import Limit, arguments, report, table
from measuring.rounds import Contestant, Measures, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import mixed_table

COLUMNS = {
    "seconds": "seconds",
    "work_s": "without imports",
    "cpu_s": "processor, all",
    "peak_mb": "MB",
    "own_mb": "MB own",
}
MEMORY_ROUNDS = 2
PARSE, OURS, AGAIN = "polars, parse alone", "recipeline", "recipeline, second time"
LEARN, OURS_TENTH, LEARN_TENTH = "pandas and scikit-learn", "recipeline, a tenth", "pandas and scikit-learn, a tenth"
LIMITS = [
    Limit(OURS, PARSE, "work_s", 4),
    Limit(OURS, LEARN, "work_s", 1 / 4),
    Limit(OURS, LEARN, "peak_mb", 1 / 2),
    Limit(OURS, OURS_TENTH, "peak_mb", 1.3),
]


def main() -> int:
    """Print the table; exit 1 when a limit isn't kept."""
    assert __doc__
    options = arguments(__doc__).parse_args()
    rows = 20_000 if options.quick else 2_000_000
    if options.quick:
        options.rounds = 1
    memory_rounds = min(MEMORY_ROUNDS, options.rounds)
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary)
        whole, tenth, prepared = data / "whole.csv", data / "tenth.csv", data / "prepared"
        mixed_table.write(whole, rows)
        mixed_table.write(tenth, rows // 10)

        def measured(name: str, file: Path, folder: Path, memory: bool) -> Measures:
            finished = run(contestant("prepare_mixed_table", name, file, folder), folder=data, memory=memory)
            if not memory:
                return {"seconds": finished.seconds, "cpu_s": finished.cpu_s, **finished.result}
            found = {"peak_mb": finished.peak_mb, "own_mb": finished.own_mb}
            return {name: value for name, value in found.items() if value is not None}

        def fresh(name: str, file: Path, memory: bool) -> Contestant:
            def measure() -> Measures:
                folder = data / "fresh"
                try:
                    return measured(name, file, folder, memory)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)

            return measure

        def contestants(memory: bool) -> dict[str, Contestant]:
            return {
                PARSE: fresh("parse", whole, memory),
                OURS: fresh("recipeline", whole, memory),
                AGAIN: lambda: measured("recipeline", whole, prepared, memory),
                LEARN: fresh("scikit_learn", whole, memory),
                OURS_TENTH: fresh("recipeline", tenth, memory),
                LEARN_TENTH: fresh("scikit_learn", tenth, memory),
            }

        measured("recipeline", whole, prepared, memory=False)
        rounds = alternate(contestants(memory=False), options.rounds)
        rounds.add(alternate(contestants(memory=True), memory_rounds))
    said = [table(rounds, COLUMNS, base=PARSE, ratio=["work_s", "peak_mb"])]
    return report("Preprocessing", said, options=options, rounds=rounds, limits=LIMITS, threads="as polars takes them")


if __name__ == "__main__":
    sys.exit(main())
