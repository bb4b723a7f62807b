"""What logging costs: a run that logs 100 metrics a second in every second block of epochs, on SQLite and over HTTP.

The small table for some fifty seconds, one thread. A callback logs through the run's own logger, at each
optimizer step whatever is due by then; in the blocks between it looks at the clock alone. Blocks of one process are
compared, each with the two around it, because two processes differ by more than what is looked for. Their first epochs
don't count: what was logged in the block before is still being sent. Nor does the first block that logs, in which the
process that hands metrics over imports MLflow, once, on another core. The server is a real `mlflow server` on
127.0.0.1, on the same cores.

    python benchmarks/mlflow_cost.py [--rounds 2] [--quick] [--record]
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring.programs import QUIET
from measuring.recipes import SMALL_TABLE, run_recipe
from measuring.results import Limit, arguments, report, table
from measuring.rounds import Measures, Rounds

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

RATE = 100
BLOCK, SENDING = 24, 9
"""Epochs of a block, and the first of them, some two seconds, that don't count."""
BLOCKS = 11
FIRST = 3
"""The second block that logs."""
COLUMNS = {"train_us": "us a step", "train_cpu_us": "processor", "epoch_us": "us with validation"}


def main() -> int:
    """Print a table for each store; exit 1 when a limit isn't kept."""
    assert __doc__
    options = arguments(__doc__, rounds=2).parse_args()
    rows, block, sending, blocks = (3_000, 2, 1, 5) if options.quick else (small_table.ROWS, BLOCK, SENDING, BLOCKS)
    if options.quick:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as temporary, server(Path(temporary)) as address:
        folder = Path(temporary)
        small_table.write(folder, rows)
        stores = {"SQLite": f"sqlite:///{folder}/mlflow.db", "HTTP": address}
        rounds = Rounds({name(rate, store): {} for store in stores for rate in (0, RATE)})
        began = time.perf_counter()
        for turn in range(options.rounds):
            for store, uri in stores.items():
                environment = {
                    "BENCHMARK_METRICS_PER_SECOND": str(RATE),
                    "BENCHMARK_EPOCHS_A_BLOCK": str(block),
                    "MLFLOW_TRACKING_URI": uri,
                }
                epochs = f"training.epochs={block * blocks}"
                finished = run_recipe(SMALL_TABLE, folder, overrides=[epochs], environment=environment)
                found = means(finished.result["each_us"], block, sending)
                for place in range(FIRST, len(found) - 1, 2):
                    around = {key: (found[place - 1][key] + found[place + 1][key]) / 2 for key in COLUMNS}
                    pair = turn * blocks + place
                    rounds.measured[name(0, store)][pair] = around
                    rounds.measured[name(RATE, store)][pair] = found[place]
                print(f"  round {turn + 1}/{options.rounds}  {store}", file=sys.stderr)
        rounds.seconds = time.perf_counter() - began
    said, limits = [], []
    for store in stores:
        pair_of = (name(0, store), name(RATE, store))
        only = Rounds({each: rounds.measured[each] for each in pair_of})
        said.append(table(only, COLUMNS, base=pair_of[0], ratio=["train_us", "train_cpu_us"]))
        limits.append(Limit(pair_of[1], pair_of[0], "train_us", 1.02))
    said.append(f"Ratios are of {len(rounds.measured[name(0, 'SQLite')])} blocks to those around them.")
    return report("MLflow's cost", said, options=options, rounds=rounds, limits=limits, threads="1")


def means(epochs: list[Measures], block: int, sending: int) -> list[Measures]:
    """What an epoch of each block takes on average, without its first ones."""
    starts = range(0, len(epochs), block)
    counted = [epochs[start + sending : start + block] for start in starts]
    return [{key: statistics.fmean(epoch[key] for epoch in each) for key in COLUMNS} for each in counted]


def name(rate: int, store: str) -> str:
    """What a run is called in the table."""
    return f"{store}, {rate} metrics a second"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """An `mlflow server` on a free port of loopback; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = folder / "server"
    place.mkdir()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{place}/mlflow.db", "--artifacts-destination", str(place / "files")),
        ],
        cwd=place,
        env={**os.environ, **QUIET},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > limit:
                raise SystemExit("mlflow server does not answer") from error
            time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
