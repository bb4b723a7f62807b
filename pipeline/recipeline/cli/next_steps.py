"""What to type after a run: commands that work as printed, from this folder, for the store that the run is in."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from recipeline.cli.output import echo
from recipeline.tracking.note import SERVING_PORT
from recipeline.tracking.store import DEFAULT_FILE, shown

ALIGNED = 60
"""Commands up to this long have their purposes below each other."""


def show(run_id: str, model_uri: str | None, uri: str) -> None:
    """Print the commands, each with its purpose as a comment, so that a whole line can be copied."""
    lines = commands(run_id, model_uri, uri)
    width = max((len(line) for line, _ in lines if len(line) <= ALIGNED), default=0)
    for line, purpose in lines:
        echo(f"  {line:<{width}}  # {purpose}")


def commands(run_id: str, model_uri: str | None, uri: str) -> list[tuple[str, str]]:
    """Each command with what it is for.

    Args:
        run_id: MLflow's id of the run.
        model_uri: The model that it has logged, if it has.
        uri: The store that the run is in.
    """
    short, program = run_id[:8], " ".join(shlex.quote(word) for word in this_program())
    lines = []
    if uri != f"sqlite:///{Path(DEFAULT_FILE).absolute().as_posix()}":
        hidden = shown(uri) != uri
        purpose = "where the run is; with the password for ***" if hidden else "where the run is"
        lines.append((f"export MLFLOW_TRACKING_URI={shlex.quote(shown(uri))}", purpose))
    if model_uri is not None and not model_uri.startswith("models:/"):
        lines.append((f"{program} sync {short}", "send it, when the server answers; what is below works after that"))
    lines += [
        (f"{program} ui", "curves, figures and parameters in the browser"),
        (f"{program} predict {short} DATA.csv", "answers for raw rows"),
        (f"{program} compare {short} OTHER_RUN", "what differs, and what it did"),
    ]
    if model_uri is not None:
        lines.append(
            (f"{_mlflow()} models serve -m {model_uri} --env-manager local -p {SERVING_PORT}", "answers over HTTP")
        )
    return lines


def this_program() -> list[str]:
    """The words that call this program again, as short as they work here."""
    typed = Path(sys.argv[0])
    if typed.name == "__main__.py":
        python = Path(sys.executable)
        return [python.name if _found(python.name) == python else str(python), "-m", "recipeline"]
    if typed.stem != "recipeline" or _found("recipeline") == typed.absolute():
        return ["recipeline"]
    return [str(typed.relative_to(Path.cwd()) if typed.is_relative_to(Path.cwd()) else typed)]


def _mlflow() -> str:
    """The word `mlflow`; where it is not on the PATH, with that, because its server looks for its own parts there."""
    folder = Path(sys.executable).parent
    if _found("mlflow") == folder / "mlflow":
        return "mlflow"
    return f"PATH={shlex.quote(str(folder))}{os.pathsep}$PATH mlflow"


def _found(command: str) -> Path | None:
    place = shutil.which(command)
    return Path(place).absolute() if place is not None else None
