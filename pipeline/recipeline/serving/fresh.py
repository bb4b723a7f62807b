"""Another interpreter that loads a logged model as a stranger would, started early because importing takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from typing import IO, Any

from recipeline.errors import Problem, RecipelineError
from recipeline.serving.files import VARIABLE

TIMEOUT_S = 300

PATIENCE_S = 60
"""How long it waits to be asked before it ends, so that no long training shares its memory with it."""

GAVE_UP = 75
"""Its exit code then (BSD's EX_TEMPFAIL)."""


LARGE_BYTES = 100_000_000
"""Size of a file that takes memory to read, and time in which nothing else is waited for."""


def at_the_start(location: str) -> FreshInterpreter | None:
    """One that imports from the start of a run on, unless its data are large: then it begins when they are read.

    Args:
        location: Where the data come from: a path, or what a reader would call it.
    """
    place = Path(location)
    large = place.is_dir() or (place.is_file() and place.stat().st_size > LARGE_BYTES)
    return None if large else FreshInterpreter()


class FreshInterpreter:
    """A process that imports what serving takes, waits for a folder, and compares.

    Started early, it imports while there is other work to do. It ends with the block, with `close`, or when nobody
    holds this object any more; and when nobody has asked for a minute, in which case asking starts another one.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "recipeline.serving.check"],
            # The rows are those of the training's own source, with its paths.
            env={**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false", VARIABLE: Path.cwd().anchor},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
        )
        self.close = weakref.finalize(self, _end, self._process, self._errors)
        """Ends the process; a second call does nothing."""

    def __enter__(self) -> FreshInterpreter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def wake(self) -> None:
        """Start another process if this one has given up waiting: it will be asked soon."""
        if self._process.poll() == GAVE_UP:
            self.close()
            self._start()

    def ask(self, folder: Path) -> dict[str, Any]:
        """What `recipeline.serving.check` says of the model, rows and expected answers in this folder.

        It computes with as many threads as this process, because another number adds up in another order.

        Raises:
            RecipelineError: the model does not load or answer there.
        """
        import torch

        asked = json.dumps({"folder": str(folder), "threads": torch.get_num_threads()}) + "\n"
        try:
            output, _ = self._process.communicate(asked, timeout=TIMEOUT_S)
            if self._process.returncode == GAVE_UP:
                self.wake()
                output, _ = self._process.communicate(asked, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            raise RecipelineError(Problem(f"the logged model did not answer in {TIMEOUT_S} s")) from error
        if self._process.returncode == 0:
            return dict(json.loads(output.splitlines()[-1]))
        self._errors.seek(0)
        lines = self._errors.read().decode("utf-8", "replace").splitlines()
        last = next((line for line in reversed(lines) if line.strip()), f"exit code {self._process.returncode}")
        raise RecipelineError(
            Problem(
                "the logged model does not load or answer in a fresh interpreter",
                found=last[:500],
                suggestion="What it is made of must be installed as a package, not only be at hand in this process.",
            )
        )


def _end(process: subprocess.Popen[str], errors: IO[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, errors):
        if stream is not None:
            stream.close()
