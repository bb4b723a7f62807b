"""What a step of a network of medium size costs: a CNN and a Transformer, `recipeline run` against a loop by hand.

The CNN is the recipe's own `cnn`, layer by layer the same as the hand loop's; the Transformer is torch's encoder,
plugged in. Random images of 28 x 28 and rows of 64 tokens, batches of 128, Adam (fused on both sides), a tenth for
validation. With one thread, and with as many as torch takes by itself.

    python benchmarks/medium.py [--rounds 5] [--quick] [--record]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
from measuring.programs import contestant, run
from measuring.recipes import run_recipe
from measuring.results import Limit, arguments, report, table
from measuring.rounds import Contestant, Measures, Rounds, alternate

sys.path.append(str(Path(__file__).parent / "contestants"))
import medium_networks

START = """\
name: medium_{kind}
seed: 1
data:
  source: {{type: parquet, path: {kind}.parquet}}
  target: label
  columns: {{x: {role}}}
  split: {{type: column, column: part, values: {{train: [train], validation: [validation]}}}}
optimizer: {{type: adam, lr: 0.001}}
regularization:
  - {{type: early_stopping, monitor: val/loss, patience: 1000}}
metrics: [accuracy]
training: {{epochs: 3, batch_size: 128, accelerator: cpu, devices: 1}}
"""
RECIPES = {
    "cnn": START.format(kind="cnn", role="image")
    + """\
preprocessing: [load_image]
architecture: {type: cnn, blocks: [16, 32], normalization: none, hidden: [64]}
""",
    "transformer": START.format(kind="transformer", role="text")
    + f"""\
preprocessing: [{{type: benchmark_tokens, vocabulary: {medium_networks.VOCABULARY}}}]
architecture: benchmark_transformer
""",
}
ROWS = {"cnn": 6_000, "transformer": 2_000}
COLUMNS = {
    "train_us": "us a step",
    "train_cpu_us": "processor",
    "epoch_us": "us with validation",
    "accuracy": "accuracy",
}
THREADS = {"1 thread": 1}
if torch.get_num_threads() > 1:
    THREADS[f"torch's {torch.get_num_threads()} threads"] = torch.get_num_threads()


def main() -> int:
    """Print a table for each network and number of threads; exit 1 when a limit isn't kept."""
    assert __doc__
    options = arguments(__doc__).parse_args()
    epochs = 2 if options.quick else 3
    if options.quick:
        options.rounds = 1
    contestants: dict[str, Contestant] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def by_hand(kind: str, threads: int) -> Measures:
            command = contestant("fit_medium_by_hand", folder, str(epochs), kind, str(threads))
            return run(command, folder=folder).result

        def ours(kind: str, threads: int) -> Measures:
            said = [f"training.epochs={epochs}", f"training.threads={threads}"]
            return run_recipe(RECIPES[kind], folder, overrides=said).result

        for kind, rows in ROWS.items():
            medium_networks.write(folder, kind, 600 if options.quick else rows)
            for words, threads in THREADS.items():
                if options.quick and threads > 1:
                    continue
                contestants[hand_name(kind, words)] = lambda k=kind, t=threads: by_hand(k, t)  # type: ignore[misc]
                contestants[our_name(kind, words)] = lambda k=kind, t=threads: ours(k, t)  # type: ignore[misc]
        # One thread is what the limits are about; with more the rounds would last too long.
        slower = {name: 3 for name in contestants if not name.endswith("1 thread")}
        rounds = alternate(contestants, options.rounds, fewer=slower)
    said = ["Microseconds of a training step, batch 128; the first epoch is not counted."]
    limits = []
    for kind in ROWS:
        for words in THREADS:
            pair = (hand_name(kind, words), our_name(kind, words))
            if pair[0] in contestants:
                only = Rounds({name: rounds.measured[name] for name in pair})
                said.append(table(only, COLUMNS, base=pair[0], ratio=["train_us", "train_cpu_us"]))
                limits += [Limit(pair[1], pair[0], "train_us", 1.03)] if words == "1 thread" else []
    return report("Medium", said, options=options, rounds=rounds, limits=limits, threads="as each table says")


def hand_name(kind: str, words: str) -> str:
    """What the hand loop is called in the table."""
    return f"{kind} by hand, {words}"


def our_name(kind: str, words: str) -> str:
    """What the run is called in the table."""
    return f"{kind} by recipeline run, {words}"


if __name__ == "__main__":
    sys.exit(main())
