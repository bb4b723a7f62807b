"""Checkpoints on disk: sealed folders, so that a crash leaves the old ones whole, read without pickle's powers."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, BinaryIO

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import CheckpointIO

from recipeline.errors import EnvironmentFault, Problem, UnsafeError
from recipeline.storage.disk import not_written
from recipeline.storage.sealed import Damaged, sealing
from recipeline.storage.temporary import discard
from recipeline.training.archive import NotOurs, check_sizes, inspect
from recipeline.training.kept import BEST, STATE, verify_checkpoint

OURS = "recipeline"
"""The key of a checkpoint that holds what Lightning's own does not."""


class DurableCheckpointIO(CheckpointIO):
    """Lightning's checkpoints as sealed folders, verified and then loaded with `weights_only`.

    Attributes:
        pinned: Names of checkpoints that are not to be removed when Lightning asks: others depend on them.
    """

    def __init__(self) -> None:
        self.pinned: set[str] = set()

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write beside, sync, seal, rename. One that is there is replaced."""
        final = Path(path)
        sink = _Sink()
        try:
            discard(final)
            with sealing(final) as under_way:
                with (under_way.folder / STATE).open("wb") as file:
                    sink.file = file
                    torch.save(checkpoint, sink)  # type: ignore[arg-type]  # all that it asks for is `write`
                    if sink.error is not None:
                        raise sink.error
                told = checkpoint.get(OURS, {}).get("told", {})
                under_way.info |= {"epoch": checkpoint.get("epoch"), "step": checkpoint.get("global_step"), **told}
        except OSError as error:
            raise not_written(
                "the checkpoint",
                final,
                error,
                needed=sink.written,
                advice="The checkpoints before it are whole: then go on with `recipeline resume`.",
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Verify, then read tensors and plain values; anything else in the file is refused.

        Raises:
            EnvironmentFault: it is not what was written.
            UnsafeError: whoever wrote it put code into it.
        """
        folder = Path(path)
        try:
            with verify_checkpoint(folder, thorough=False).open(STATE) as file:
                inspect(file)
                loaded = torch.load(file, map_location=map_location or "cpu", weights_only=True)
            check_sizes(loaded)
            _check_form(loaded)
        except Damaged as error:
            raise EnvironmentFault(Problem(f"the checkpoint is damaged: {error.reason}", file=str(folder))) from error
        except (NotOurs, pickle.UnpicklingError) as error:
            raise UnsafeError(
                Problem(
                    "the checkpoint holds more than tensors and plain values, and is not read",
                    file=str(folder),
                    found=str(error).partition("\n")[0][:200],
                    suggestion="Somebody else has made it. Remove that folder to go on from the one before it.",
                )
            ) from error
        except (OSError, RuntimeError, MemoryError, EOFError, LookupError, *_ODD) as error:
            # It is what its manifest says, and yet nothing that torch can read.
            raise EnvironmentFault(
                Problem(
                    "the checkpoint can't be read",
                    file=str(folder),
                    found=" ".join(f"{type(error).__name__}: {error}".split())[:200],
                    suggestion="Remove that folder to go on from the one before it.",
                )
            ) from error
        assert isinstance(loaded, dict)
        return loaded

    def remove_checkpoint(self, path: Any) -> None:
        """Delete it, if it is there and nothing depends on it."""
        if Path(path).name not in self.pinned:
            discard(Path(path))


_ODD = (TypeError, ValueError, AttributeError, OverflowError, RecursionError)


def _check_form(loaded: Any) -> None:
    """See that what Lightning and we look for has the right kind, where it is there.

    Raises:
        TypeError: it has another.
    """
    if not isinstance(loaded, dict):
        raise TypeError(f"a checkpoint is a mapping, and this is {type(loaded).__name__}")
    for key, kind in _FORM.items():
        if key in loaded and not isinstance(loaded[key], kind):
            raise TypeError(f"'{key}' is {type(loaded[key]).__name__} in place of {kind.__name__}")
    for name, value in loaded.get("state_dict", {}).items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise TypeError(f"'state_dict' holds {type(value).__name__} in place of a tensor")


_FORM: dict[str, type] = {
    "state_dict": dict,
    "epoch": int,
    "global_step": int,
    "loops": dict,
    "callbacks": dict,
    "optimizer_states": list,
    "lr_schedulers": list,
    "pytorch-lightning_version": str,
    OURS: dict,
}


class _Sink:
    """What torch writes to: an error is kept for later, because torch's writer does not bear one."""

    def __init__(self) -> None:
        self.file: BinaryIO | None = None
        self.written = 0
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write, or count what would have been written."""
        size = memoryview(content).nbytes
        self.written += size
        if self.error is None and self.file is not None:
            try:
                self.file.write(content)
            except OSError as error:
                self.error = error
        return size

    def flush(self) -> None:
        """Write what is buffered."""
        if self.error is None and self.file is not None:
            try:
                self.file.flush()
            except OSError as error:
                self.error = error


def best_checkpoint(folder: Path | None, monitor: str, mode: str) -> ModelCheckpoint:
    """Keeps the best epoch by `monitor`."""
    return ModelCheckpoint(
        dirpath=folder,
        filename=f"{BEST}{{epoch:05d}}",
        monitor=monitor,
        mode=mode,
        save_top_k=1,
        enable_version_counter=False,
        auto_insert_metric_name=False,
        save_on_train_epoch_end=True,
    )
