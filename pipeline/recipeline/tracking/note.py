"""The run's description in the MLflow UI: what was trained, the result, and the commands to go on with."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from recipeline.recipe.model import Recipe
from recipeline.tracking.store import shown

SERVING_PORT = 5001
"""Not 5000, where `recipeline ui` listens."""

_ONCE = ("test/", "best/")


def note(
    recipe: Recipe,
    *,
    run_id: str,
    metrics: Mapping[str, float],
    status: str,
    uri: str = "",
    model_uri: str | None = None,
    error: str | None = None,
) -> str:
    """Markdown for `mlflow.note.content`.

    Args:
        recipe: The complete recipe.
        run_id: MLflow's id of the run.
        metrics: The numbers that the run has once.
        status: FINISHED, FAILED or KILLED.
        uri: The store that the run is in.
        model_uri: The logged model, if there is one.
        error: What went wrong, if something did.
    """
    parts = [f"**{_cell(recipe.name)}**"]
    if recipe.description:
        parts[0] += f": {recipe.description.strip()}"
    parts.append(_trained(recipe))
    if status != "FINISHED":
        what = "Interrupted" if status == "KILLED" else "Failed"
        parts.append(
            f"**{what}.**" + (f"\n\n```text\n{recipe.redact(error).replace('```', chr(39) * 3)}\n```" if error else "")
        )
    rows = [(name, value) for name, value in metrics.items() if name.startswith(_ONCE)]
    if rows:
        lines = "\n".join(f"| {_cell(name)} | {value:.6g} |" for name, value in rows)
        parts.append(f"| metric | value |\n| :-- | --: |\n{lines}")
    parts.append(_commands(run_id, model_uri, uri))
    return "\n\n".join(parts) + "\n"


def _trained(recipe: Recipe) -> str:
    words = [f"`{recipe.architecture.plugin_name}` on `{_cell(recipe.redact(recipe.data.source.location()))}`"]
    words.append(f"predicting {', '.join(f'`{_cell(name)}`' for name in recipe.targets)}")
    if recipe.data.task != "auto":
        words.append(f"({recipe.data.task})")
    named = [("loss", recipe.loss), ("optimizer", recipe.optimizer), ("scheduler", recipe.scheduler)]
    settings = [f"{family} `{plugin.plugin_name}`" for family, plugin in named if plugin is not None]
    settings += [f"seed {recipe.seed}"]
    return f"{' '.join(words)}; {', '.join(settings)}."


def serve_command(model_uri: str, uri: str) -> str:
    """What serves the model, typed anywhere in the environment that recipeline is installed in."""
    return f"{_in_store(uri)}mlflow models serve -m {shlex.quote(model_uri)} --env-manager local -p {SERVING_PORT}"


def _in_store(uri: str) -> str:
    """The beginning of a command that has to find the run's store from any folder."""
    return f"MLFLOW_TRACKING_URI={shlex.quote(shown(uri))} " if uri else ""


def _commands(run_id: str, model_uri: str | None, uri: str) -> str:
    short, there = run_id[:8], _in_store(uri)
    lines = [
        ("compare", f"{there}recipeline compare {short} OTHER_RUN"),
        ("run again, and see how close it comes", f"{there}recipeline reproduce {short}"),
    ]
    if model_uri is not None:
        lines = [
            ("predict", f"{there}recipeline predict {short} DATA.csv"),
            ("serve", serve_command(model_uri, uri)),
            *lines,
        ]
    text = "\n".join(f"# {what}\n{command}" for what, command in lines)
    return f"```sh\n{text}\n```"


def _cell(text: str) -> str:
    """Text that can't break a table or a code span."""
    return text.replace("|", "\\|").replace("`", "'").replace("\n", " ")
