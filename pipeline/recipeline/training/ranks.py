"""The further processes of a distributed training: start them, notice when one is lost, and say which and why.

The first process starts the others and is the only one that anybody hears of. One that fails leaves a word in the run's
folder and ends at once; one that is killed leaves none. The others' next exchange breaks then, and the first process
asks here what has happened. Where it waits for something that does not break, such as a process that never came, the
thread that looks after the others ends the run in its place.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.distributed import _set_num_threads_if_needed
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from recipeline import errors
from recipeline.errors import EnvironmentFault, Problem, RecipelineError
from recipeline.storage.atomic import write_text

GRACE_S = 6.0
"""How long the first process may take to notice by itself that another is lost, before it is ended in its wait."""
LOOK_S = 0.2
PATIENCE_S = 4.0
"""How long to wait for the end of a process whose connection has broken."""


class Launcher(_SubprocessScriptLauncher):
    """Starts the other processes of this machine. Lightning's own kills the first one with them, without a word."""

    folder: Path
    """The run's folder, in which the others leave their word."""
    abandon: Callable[[RecipelineError], None] | None = None
    """Ends the run from another thread, and does not return."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._together = False

    def launch(self, function: Callable[..., Any], *args: Any, trainer: Any = None, **kwargs: Any) -> Any:
        """Start them where they aren't there yet, then do this process's part."""
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            for path in self.folder.glob("rank-*.json"):
                path.unlink()
            self._call_children_scripts()
            threading.Thread(target=self._look_after, name="recipeline-ranks", daemon=True).start()
        _set_num_threads_if_needed(num_processes=self.num_processes)
        return function(*args, **kwargs)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A block in which the processes need each other: the loss of one ends it, with an error that says so."""
        self._together = True
        try:
            yield
        except Exception as error:
            self._together = False
            lost = self.loss(PATIENCE_S) if is_broken(error) else None
            self.kill(signal.SIGKILL)
            if lost is None:
                raise
            raise lost from error
        except BaseException:
            self.kill(signal.SIGKILL)
            raise
        finally:
            self._together = False

    def loss(self, patience_s: float = 0.0) -> RecipelineError | None:
        """What to say of the process that was lost first; None while none is."""
        limit = time.monotonic() + patience_s
        while True:
            lost = {rank: proc for rank, proc in enumerate(self.procs, 1) if proc.poll()}
            words = {rank: read_word(self.folder, rank) for rank in lost}
            # A process that lost its connection is not the first.
            first = next((rank for rank, word in words.items() if word is None or not word["broken"]), None)
            if first is not None:
                return self._told(first, words[first])
            if time.monotonic() >= limit:
                return None
            time.sleep(LOOK_S / 2)

    def _told(self, rank: int, word: dict[str, Any] | None) -> RecipelineError:
        who = f"process {rank + 1} of {self.num_processes} (rank {rank})"
        if word is None:
            code = self.procs[rank - 1].returncode
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with exit code {code}"
            memory = "The system does that when memory runs out: its log says so. " if code == -signal.SIGKILL else ""
            return EnvironmentFault(
                Problem(
                    f"{who} {how}, and the others can't go on without it",
                    found=f"pid {self.procs[rank - 1].pid}",
                    suggestion=f"{memory}Go on from the last checkpoint with: recipeline resume {self.folder.name[:8]}",
                )
            )
        problems = [Problem(**each) for each in word["problems"]]
        kind = getattr(errors, word["kind"], RecipelineError)
        return kind(Problem(**asdict(problems[0]) | {"message": f"{who}: {problems[0].message}"}), *problems[1:])

    def _look_after(self) -> None:
        while True:
            time.sleep(LOOK_S)
            codes = [proc.poll() for proc in self.procs]
            if any(codes):
                break
            if None not in codes:
                return
        time.sleep(GRACE_S)
        lost = self.loss()
        if self._together and lost is not None and self.abandon is not None:
            self.kill(signal.SIGKILL)
            self.abandon(lost)


def launcher_of(trainer: pl.Trainer) -> Launcher | None:
    """Ours, where Lightning starts this command again for further processes; None for every other strategy."""
    found = trainer.strategy.launcher
    return found if isinstance(found, Launcher) else None


def look_after(trainer: pl.Trainer, folder: Path) -> None:
    """Put our launcher in the place of Lightning's, where it starts this command again."""
    theirs = trainer.strategy.launcher
    if type(theirs) is _SubprocessScriptLauncher:
        ours = Launcher(theirs.cluster_environment, theirs.num_processes, theirs.num_nodes)
        ours.folder = folder
        trainer.strategy._launcher = ours


def is_broken(error: BaseException) -> bool:
    """Whether an exchange between processes failed, which is seldom the first thing that went wrong."""
    return isinstance(error, torch.distributed.DistError) or (
        isinstance(error, RuntimeError) and any(word in str(error) for word in ("gloo", "NCCL"))
    )


def leave_word(folder: Path, rank: int, error: BaseException, hide: Callable[[str], str]) -> None:
    """Say in the run's folder why this process ends: the first one reads it.

    Args:
        folder: The run's.
        rank: This process's number on its machine.
        error: What ends it.
        hide: Puts something else in the place of what must not be seen in a text.
    """
    ours = isinstance(error, RecipelineError)
    said = error if isinstance(error, RecipelineError) else RecipelineError(f"{type(error).__name__}: {error}")
    said.reword(hide)
    word = {
        "kind": type(error).__name__ if ours else "RecipelineError",
        "broken": is_broken(error),
        "problems": [asdict(problem) for problem in said.problems],
    }
    if not ours and os.environ.get("RECIPELINE_DEBUG", "") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)
    with contextlib.suppress(OSError):
        write_text(_word(folder, rank), json.dumps(word))


def read_word(folder: Path, rank: int) -> dict[str, Any] | None:
    """What a process has left; None when it was ended before it could."""
    try:
        word = json.loads(_word(folder, rank).read_text())
    except (OSError, ValueError):
        return None
    return word if isinstance(word, dict) else None


def _word(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank}.json"
