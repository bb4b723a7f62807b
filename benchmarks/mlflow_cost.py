"""What logging costs: a run that logs 100 metrics a second against the same run with none, on SQLite and over HTTP.

The small table for several seconds of training, one thread. A callback logs through the run's own logger, at each
optimizer step whatever is due by then. Without logging the callback looks at the clock all the same. The
server is a real `mlflow server` on 127.0.0.1, on the same cores.

    python benchmarks/mlflow_cost.py [--rounds 5] [--quick] [--record]
"""

from __future__ import annotations

import os
import signal
import socket
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
from measuring.rounds import Measures, Rounds, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import small_table

RATE = 100
COLUMNS = {"train_us": "us a step", "train_cpu_us": "processor", "epoch_us": "us with validation"}


def main() -> int:
    """Print a table for each store; exit 1 when a limit isn't kept."""
    assert __doc__
    options = arguments(__doc__).parse_args()
    rows, epochs = (3_000, 3) if options.quick else (small_table.ROWS, 20)
    if options.quick:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as temporary, server(Path(temporary)) as address:
        folder = Path(temporary)
        small_table.write(folder, rows)

        def logging(rate: int, uri: str) -> Measures:
            return run_recipe(
                SMALL_TABLE,
                folder,
                overrides=[f"training.epochs={epochs}"],
                environment={"BENCHMARK_METRICS_PER_SECOND": str(rate), "MLFLOW_TRACKING_URI": uri},
            ).result

        stores = {"SQLite": f"sqlite:///{folder}/mlflow.db", "HTTP": address}
        contestants = {
            name(rate, store): lambda r=rate, u=uri: logging(r, u)  # type: ignore[misc]
            for store, uri in stores.items()
            for rate in (0, RATE)
        }
        rounds = alternate(contestants, options.rounds)
    said, limits = [], []
    for store in stores:
        pair = (name(0, store), name(RATE, store))
        only = Rounds({each: rounds.measured[each] for each in pair})
        said.append(table(only, COLUMNS, base=pair[0], ratio=["train_us", "train_cpu_us"]))
        limits.append(Limit(pair[1], pair[0], "train_us", 1.02))
    return report("MLflow's cost", said, options=options, rounds=rounds, limits=limits, threads="1")


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
