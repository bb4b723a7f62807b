"""From a CSV to a trained model, in a fresh process: `recipeline run` against a script written by hand, and Ludwig.

The small table as a CSV (100,000 rows of 50 numbers), standardized, three epochs. The script reads with pandas,
standardizes with scikit-learn, trains with torch and saves the weights; `recipeline run` logs everything to MLflow
besides, draws its reports, and checks the logged model in another interpreter. It is measured in an empty folder, where
MLflow has to make its store first; where the store is there and the data is new; and a second time, when the prepared
data is in the cache. One thread trains.

    python benchmarks/end_to_end.py [--rounds 5] [--no-peers] [--quick] [--record]
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from measuring.peers import NotHere, python_of
from measuring.programs import contestant, run
from measuring.recipes import SMALL_TABLE, run_recipe
from measuring.results import Limit, arguments, report, shown, table
from measuring.rounds import Measures, Rounds, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

EPOCHS = 3
BY_HAND, EMPTY = "script by hand", "recipeline run, in an empty folder"
NEW, AGAIN, LUDWIG = "recipeline run, new data", "recipeline run, second time", "Ludwig"
COLUMNS = {"seconds": "seconds", "cpu_s": "processor, all", "accuracy": "accuracy"}
LIMITS = [
    Limit(NEW, BY_HAND, "seconds", 2.5),
    Limit(AGAIN, BY_HAND, "seconds", 2.0),
    Limit(NEW, LUDWIG, "seconds", 1 / 2.2),
]
STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate", "report", "package")


def main() -> int:
    """Print the table; exit 1 when a limit isn't kept."""
    assert __doc__
    parser = arguments(__doc__)
    parser.add_argument("--no-peers", action="store_true", help="leave out what has to be installed first")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.no_peers = 1, True
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "data"
        data.mkdir()
        small_table.write(data, 3_000 if options.quick else small_table.ROWS)
        recipe = (
            SMALL_TABLE.replace("{type: parquet, path: table.parquet}", f"{{type: csv, path: {data / 'table.csv'}}}")
            .replace("preprocessing: []", "preprocessing: [{type: standardize, columns: numeric}]")
            .replace("epochs: 5", f"epochs: {EPOCHS}")
        )

        def ours(folder: Path) -> Measures:
            finished = run_recipe(recipe, folder)
            return {"seconds": finished.seconds, "cpu_s": finished.cpu_s, **finished.result}

        def in_empty_folder() -> Measures:
            with tempfile.TemporaryDirectory(dir=temporary) as folder:
                return ours(Path(folder))

        def new_data() -> Measures:
            shutil.rmtree(used / ".recipeline", ignore_errors=True)
            return ours(used)

        def by(name: str, python: str | Path = sys.executable) -> Measures:
            finished = run(contestant(name, data, str(EPOCHS), python=python), folder=data)
            return {"seconds": finished.seconds, "cpu_s": finished.cpu_s, **finished.result}

        used, prepared = (Path(temporary) / name for name in ("used", "prepared"))
        for folder in (used, prepared):
            folder.mkdir()
            ours(folder)
        contestants = {
            BY_HAND: lambda: by("script_by_hand"),
            EMPTY: in_empty_folder,
            NEW: new_data,
            AGAIN: lambda: ours(prepared),
        }
        missing = {}
        try:
            if not options.no_peers:
                python = python_of("ludwig")
                contestants[LUDWIG] = lambda: by("fit_by_ludwig", python)
        except NotHere as reason:
            missing[LUDWIG] = str(reason)
        rounds = alternate(contestants, options.rounds, fewer={LUDWIG: 3})
    rounds.failed |= missing
    said = [
        table(rounds, COLUMNS, base=BY_HAND, ratio=["seconds", "cpu_s"]),
        "\n".join(stages(rounds, name) for name in (EMPTY, NEW, AGAIN)),
    ]
    return report("End to end", said, options=options, rounds=rounds, limits=LIMITS, threads="1")


def stages(rounds: Rounds, name: str) -> str:
    """Where the seconds of a run went; what no stage names is start, opening and closing the run, and the end."""
    spent = {stage: rounds.median(name, f"time/{stage}_seconds") for stage in STAGES}
    words = [f"{stage} {shown(seconds)}" for stage, seconds in spent.items() if seconds and seconds >= 0.01]
    rest = (rounds.median(name, "seconds") or 0) - sum(seconds or 0 for seconds in spent.values())
    return f"- {name}: {', '.join(words)}, around them {shown(rest)} seconds."


if __name__ == "__main__":
    sys.exit(main())
