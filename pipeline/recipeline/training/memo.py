"""What a run keeps in its folder to be resumed: its recipe, and what its numbers depend on. Loads no torch."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recipeline import secrecy
from recipeline.catalog import Catalog
from recipeline.errors import Problem, UsageError
from recipeline.recipe.dump import to_yaml
from recipeline.recipe.load import parse
from recipeline.recipe.model import Recipe
from recipeline.storage.atomic import write_text
from recipeline.training.fingerprint import Fingerprint, fingerprint

FILE = "resume.json"


@dataclass(slots=True)
class Memo:
    """Written when the run starts, and again when its data and its threads are known."""

    recipe: str
    """The recipe with its overrides, as YAML; values from the environment are not in it."""
    text: str
    """The recipe's file as it was."""
    file: str | None
    folder: str
    """Where relative paths start."""
    command: str
    fingerprint: Fingerprint = field(default_factory=dict)
    threads: int | None = None
    """Torch's CPU threads; None as long as none were chosen."""
    batch_size: int | None = None
    """What `batch_size: auto` came to; None as long as nobody has looked, or where the recipe gives a number."""
    windows: list[int] | None = None
    """Rows of a block and blocks of a window in which the train rows are shuffled; empty where that is not so."""
    resumed: int = 0
    """How often it has been resumed."""

    def write(self, folder: Path) -> None:
        """Write it into the run's folder."""
        write_text(folder / FILE, json.dumps(secrecy.hide_in(asdict(self)), indent=1, ensure_ascii=False) + "\n")

    def environment(self) -> dict[str, Any]:
        """What is logged with the run, so that a reproduction can say what differs; its data have tags of their own."""
        fingerprint = {kind: found for kind, found in self.fingerprint.items() if kind != "data"}
        return {
            "fingerprint": fingerprint,
            "threads": self.threads,
            "windows": self.windows,
            "folder": self.folder,
            "command": self.command,
        }

    def load_recipe(self) -> Recipe:
        """The recipe, as the run was started with it.

        Raises:
            UsageError: it held a secret that is not kept.
        """
        loaded = parse(self.recipe, self.file or "the run's recipe", folder=Path(self.folder)).recipe
        written = loaded.as_recipe() | {"description": ""}
        if os.environ.get("MLFLOW_TRACKING_URI", "").strip():  # counts in its place
            written["tracking"]["uri"] = None
        if secrecy.incomplete(json.dumps(written)):
            raise UsageError(
                Problem(
                    "the recipe held a password, which no run keeps, so that it can't be resumed by what it has noted",
                    file=self.file,
                    suggestion="Write ${env:NAME} in the recipe where the password stands, and start the run again. "
                    "For one in tracking.uri alone, give the whole address in MLFLOW_TRACKING_URI.",
                )
            )
        loaded.stands_in(Path(self.file) if self.file else None, self.text)
        return loaded


def new_memo(recipe: Recipe, catalog: Catalog, command: str) -> Memo:
    """The memo of a run that starts."""
    return Memo(
        recipe=to_yaml(recipe),
        text=recipe.text,
        file=str(recipe.file) if recipe.file is not None else None,
        folder=str(recipe.data.source.recipe_folder),
        command=recipe.redact(command),
        fingerprint=fingerprint(recipe, catalog),
    )


def read_memo(folder: Path) -> Memo | None:
    """The memo in a run's folder; None when there is none.

    Raises:
        UsageError: it can't be read.
    """
    try:
        content: Any = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return Memo(**content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            Problem(
                "what this run has noted to be resumed can't be read",
                file=str(folder / FILE),
                suggestion="Start it again with: recipeline run RECIPE.",
            )
        ) from error
