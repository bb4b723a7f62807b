"""How long `recipeline validate` takes, against the least that such a command has to do.

The floor reads YAML, scans the entry points, builds and validates eight pydantic models, and writes their JSON schema:
no torch, no Lightning, no MLflow. The two run in turn, so that a busy machine slows both, and medians are compared.

    python benchmarks/startup.py [--rounds 15]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLOOR = """
import json, pluggy, yaml
from importlib.metadata import entry_points
from pydantic import Field, create_model

list(entry_points(group="recipeline.floor"))
pluggy.PluginManager("floor")
stages = ("clean", "normalize", "network", "loss", "optimizer", "scheduler", "regularization", "tracking")
settings = {f"p{i}": (float, Field(0.1, ge=0, description="a number")) for i in range(6)}
models = {stage: (create_model(stage, kind=(str, stage), **settings), ...) for stage in stages}
recipe = create_model("recipe", **models)
text = yaml.safe_dump({stage: {"kind": stage, "p0": 0.5, "p3": 1.0} for stage in stages})
recipe.model_validate(yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
json.dumps(recipe.model_json_schema())
"""

RECIPE = Path(__file__).parent.parent / "recipes" / "every_role.yaml"
MOST = 2.0
"""The ratio that `validate` has to stay below."""


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Print both medians and their ratio; exit 1 when the ratio is above the limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.NamedTemporaryFile("w", suffix=".py") as floor:
        floor.write(FLOOR)
        floor.flush()
        commands = {
            "floor": [sys.executable, floor.name],
            "validate": [str(Path(sys.executable).parent / "recipeline"), "validate", str(RECIPE)],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for turn in range(rounds + 1):
            for name, command in commands.items():
                taken = seconds(command)
                if turn:  # the first turn only warms the file cache
                    times[name].append(taken)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["validate"] / medians["floor"]
    for name, median in medians.items():
        print(f"{name:10} {median:.3f} s")
    print(f"{'ratio':10} {ratio:.2f} (at most {MOST})")
    print("RESULT", json.dumps({"benchmark": "startup", "rounds": rounds, "ratio": round(ratio, 3), **medians}))
    return int(ratio > MOST)


if __name__ == "__main__":
    sys.exit(main())
