"""What a training step costs: `recipeline run` against loops written by hand, Lightning and other libraries.

The small table (100,000 rows of 50 numbers, a tenth of them for validation), an MLP 50-64-64-2, batches of 256, Adam,
one thread, everyone in a process of its own, in turn. `recipeline run` logs to MLflow, draws its progress, writes
checkpoints, validates and watches for an early stop. Microseconds a step: of an epoch's train part, and of the whole
epoch with validation and checkpoints; wall time and processor time of the thread that trains. An epoch's first is not
counted.

    python benchmarks/step.py [--rounds 5] [--no-peers] [--quick] [--record]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring.peers import PEERS, NotHere, python_of
from measuring.programs import contestant, run
from measuring.recipes import SMALL_TABLE, run_recipe
from measuring.results import Limit, arguments, report, table
from measuring.rounds import Contestant, Measures, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

COLUMNS = {
    "train_us": "us a step",
    "train_cpu_us": "processor",
    "epoch_us": "us with validation",
    "epoch_cpu_us": "its processor",
    "accuracy": "accuracy",
}
FLOOR, OURS = "hand loop, fused Adam", "recipeline run"
LIMITS = [
    Limit(OURS, FLOOR, "train_us", 1.05),
    Limit(OURS, "Lightning as its docs show it", "train_us", 1 / 4),
    Limit(OURS, "ludwig", "train_us", 1 / 7),
]


def main() -> int:
    """Print the table; exit 1 when a limit isn't kept."""
    assert __doc__
    parser = arguments(__doc__)
    parser.add_argument("--no-peers", action="store_true", help="leave out what has to be installed first")
    options = parser.parse_args()
    rows, epochs = (5_000, 2) if options.quick else (small_table.ROWS, 5)
    if options.quick:
        options.rounds, options.no_peers = 1, True
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        small_table.write(folder, rows)

        def program(name: str, *arguments: str, python: str | Path = sys.executable) -> Contestant:
            def measure() -> Measures:
                command = contestant(name, folder, str(epochs), *arguments, python=python)
                return run(command, folder=folder, terminal=True).result

            return measure

        def ours() -> Measures:
            return run_recipe(SMALL_TABLE, folder, overrides=[f"training.epochs={epochs}"]).result

        contestants = {
            FLOOR: program("fit_by_hand", "fused"),
            "hand loop, torch's default Adam": program("fit_by_hand", "default"),
            OURS: ours,
            "Lightning, sliced batches, logger and bar off": program("fit_by_lightning", "sliced"),
            "Lightning as its docs show it": program("fit_by_lightning", "docs"),
        }
        missing = {}
        for peer in () if options.no_peers else PEERS:
            try:
                contestants[peer] = program(f"fit_by_{peer}", python=python_of(peer))
            except NotHere as reason:
                missing[peer] = str(reason)
        # These take long, most of it for starting.
        rounds = alternate(contestants, options.rounds, fewer=dict.fromkeys(PEERS, 3))
    rounds.failed |= missing
    said = [
        f"Microseconds of a training step, batch {small_table.BATCH}; the first epoch of {epochs} is not counted. The "
        "accuracy is that of the validation part, to see that all have done the same work.",
        table(rounds, COLUMNS, base=FLOOR, ratio=["train_us", "train_cpu_us"]),
    ]
    return report("Step", said, options=options, rounds=rounds, limits=LIMITS, threads="1")


if __name__ == "__main__":
    sys.exit(main())
