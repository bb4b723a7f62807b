"""Where the time of an epoch goes: cutting batches, forward, loss, backward, optimizer, and everything around them.

The small table, one thread, processor time of the thread that trains in microseconds a step. `recipeline run` as it is,
and with one mini-batch a Lightning step (`training.steps_per_call=1`), which is what it would be without its own step;
the hand loop with fused Adam beneath, Lightning as its docs show it above. Looking costs some 5 us a step itself, for
everyone.

    python benchmarks/epoch.py [--rounds 5] [--quick] [--record]
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from measuring.programs import contestant, run
from measuring.recipes import SMALL_TABLE, run_recipe
from measuring.results import arguments, report, table
from measuring.rounds import Measures, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

BUCKETS = ("batches", "forward", "loss", "backward", "optimizer", "bookkeeping", "train", "validation and epoch's end")
BY_HAND = "hand loop, fused Adam"


def main() -> int:
    """Print the table."""
    assert __doc__
    options = arguments(__doc__).parse_args()
    rows, epochs = (5_000, 2) if options.quick else (small_table.ROWS, 5)
    if options.quick:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small_table.write(folder, rows)
        found = folder / "buckets.json"
        environment = {"BENCHMARK_BUCKETS": str(found)}

        def program(name: str, kind: str) -> Measures:
            run(contestant(name, folder, str(epochs), kind), folder=folder, environment=environment, terminal=True)
            return json.loads(found.read_text())

        def ours(*overrides: str) -> Measures:
            said = [f"training.epochs={epochs}", *overrides]
            run_recipe(SMALL_TABLE, folder, overrides=said, environment=environment)
            return json.loads(found.read_text())

        contestants = {
            BY_HAND: lambda: program("fit_by_hand", "fused"),
            "recipeline run": ours,
            "recipeline run, one mini-batch a step": lambda: ours("training.steps_per_call=1"),
            "Lightning as its docs show it": lambda: program("fit_by_lightning", "docs"),
        }
        rounds = alternate(contestants, options.rounds)
    said = [table(rounds, {name: name for name in BUCKETS}, base=BY_HAND, ratio=["train"])]
    return report("An epoch", said, options=options, rounds=rounds, threads="1")


if __name__ == "__main__":
    sys.exit(main())
