"""How long the commands take to start, against the least that they have to do.

`validate`, `--help`, `plugins` and `schema` against a floor that reads YAML, scans the entry points, builds and
validates eight pydantic models, and writes their JSON schema: no torch, no Lightning, no MLflow. `run` of the
quickstart, a second time in its folder, against a process that imports torch, pytorch_lightning and mlflow, plus the
seconds that the run itself trains.

    python benchmarks/startup.py [--rounds 15] [--quick] [--record]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from measuring.programs import RECIPELINE, run
from measuring.recipes import run_recipe
from measuring.results import Limit, arguments, report, table
from measuring.rounds import Measures, Rounds, alternate

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

RECIPES = Path(__file__).parent.parent / "recipes"
COMMANDS = {
    "validate": ["validate", str(RECIPES / "every_role.yaml")],
    "--help": ["--help"],
    "plugins": ["plugins"],
    "schema": ["schema"],
}
IMPORTS, ALONE, RUN = "imports alone", "imports and the run's training", "run, second time"
COLUMNS = {"seconds": "seconds", "cpu_s": "processor, all"}
LIMITS = [
    *(Limit(name, "floor", "seconds", 2.0) for name in ("validate", "--help", "plugins")),
    Limit(RUN, ALONE, "seconds", 1.6),
]
RUNS = 5
"""Rounds in which `run` takes part: it takes longer, and trembles less."""


def main() -> int:
    """Print both tables; exit 1 when a limit isn't kept."""
    assert __doc__
    parser = arguments(__doc__, rounds=15)
    parser.add_argument("--no-run", action="store_true", help="leave out `run`")
    options = parser.parse_args()
    if options.quick:
        options.rounds = 1
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)

        def program(*command: str | Path) -> Measures:
            finished = run(command, folder=folder)
            return {"seconds": finished.seconds, "cpu_s": finished.cpu_s}

        def quickstart() -> Measures:
            overrides = ["training.epochs=2"] if options.quick else []
            finished = run_recipe((RECIPES / "quickstart.yaml").read_text(), folder, overrides=overrides)
            return {"seconds": finished.seconds, "cpu_s": finished.cpu_s, "fit": finished.result["time/fit_seconds"]}

        contestants = {"floor": lambda: program(sys.executable, "-c", FLOOR)}
        for name, words in COMMANDS.items():
            contestants[name] = lambda w=words: program(RECIPELINE, *w)  # type: ignore[misc]
        if not options.no_run:
            quickstart()  # what it finds the second time
            heavy = "import torch, pytorch_lightning, mlflow"
            contestants |= {IMPORTS: lambda: program(sys.executable, "-c", heavy), RUN: quickstart}
        rounds = alternate(contestants, options.rounds, fewer={IMPORTS: RUNS, RUN: RUNS}, warm_up=not options.quick)
    said = [table(_only(rounds, ["floor", *COMMANDS]), COLUMNS, base="floor", ratio=["seconds", "cpu_s"])]
    if not options.no_run:
        _add_training(rounds)
        said.append(table(_only(rounds, [IMPORTS, ALONE, RUN]), COLUMNS, base=ALONE, ratio=["seconds", "cpu_s"]))
    return report("Start-up", said, options=options, rounds=rounds, limits=LIMITS, threads="1 in training")


def _add_training(rounds: Rounds) -> None:
    """Of each round the imports' time and that of the run's training, as if one had followed the other."""
    pairs = {turn: (rounds.measured[IMPORTS][turn], run) for turn, run in rounds.measured[RUN].items()}
    rounds.measured[ALONE] = {
        turn: {key: imports[key] + run["fit"] for key in COLUMNS} for turn, (imports, run) in pairs.items()
    }


def _only(rounds: Rounds, names: list[str]) -> Rounds:
    return Rounds({name: rounds.measured[name] for name in names})


if __name__ == "__main__":
    sys.exit(main())
