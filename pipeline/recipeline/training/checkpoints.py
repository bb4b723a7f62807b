"""Checkpoints on disk: sealed folders, so that a crash leaves the old ones whole, in a format that can run nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import CheckpointIO

from recipeline.errors import EnvironmentFault, Problem, UnsafeError, UsageError
from recipeline.storage.disk import not_written
from recipeline.storage.sealed import Damaged, sealing
from recipeline.storage.temporary import discard
from recipeline.training.archive import Earlier, Later, NotOurs, NotPlain, planned, read
from recipeline.training.kept import BEST, STATE, verify_checkpoint

OURS = "recipeline"
"""The key of a checkpoint that holds what Lightning's own does not."""


class DurableCheckpointIO(CheckpointIO):
    """Lightning's checkpoints as sealed folders, verified before they are read.

    Attributes:
        pinned: Names of checkpoints that are not to be removed when Lightning asks: others depend on them.
        owners: Who keeps a part of the state, by the part's place in it: whom to name where it can't be saved.
    """

    def __init__(self) -> None:
        self.pinned: set[str] = set()
        self.owners: dict[tuple[str, ...], str] = {}

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write beside, sync, seal, rename. One that is there is replaced.

        Raises:
            UsageError: somebody's state holds what is neither a tensor nor a plain value.
            EnvironmentFault: the disk does not take it.
        """
        final = Path(path)
        try:
            content = planned(checkpoint)
        except NotPlain as error:
            raise self._not_plain(error) from error
        try:
            discard(final)
            with sealing(final) as under_way:
                with (under_way.folder / STATE).open("wb") as file:
                    content.write(file)
                told = checkpoint.get(OURS, {}).get("told", {})
                under_way.info |= {"epoch": checkpoint.get("epoch"), "step": checkpoint.get("global_step"), **told}
        except OSError as error:
            raise not_written(
                "the checkpoint",
                final,
                error,
                needed=content.size,
                advice="The checkpoints before it are whole: then go on with `recipeline resume`.",
            ) from error

    def _not_plain(self, error: NotPlain) -> UsageError:
        whose = next((self.owners[error.path[:n]] for n in (2, 1) if error.path[:n] in self.owners), "the training")
        place = "/".join(error.path)
        return UsageError(
            Problem(
                f"a checkpoint can't hold what {whose} keeps{f' at {place}' if place else ''}",
                found=error.what,
                suggestion="Checkpoints are saved without pickle: keep tensors, numbers, texts and None, in lists, "
                "tuples, sets and mappings, and make everything else anew from these.",
            )
        )

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Verify, then read tensors and plain values: there is nothing else that the format could hold.

        Raises:
            EnvironmentFault: it is not what was written, or of another version's format.
            UnsafeError: whoever wrote it is not recipeline.
        """
        folder = Path(path)
        try:
            with verify_checkpoint(folder, thorough=False).open(STATE) as file:
                loaded = read(file, map_location or "cpu")
            _check_form(loaded)
        except Damaged as error:
            raise EnvironmentFault(Problem(f"the checkpoint is damaged: {error.reason}", file=str(folder))) from error
        except (Earlier, Later) as error:
            earlier = isinstance(error, Earlier)
            raise EnvironmentFault(
                Problem(
                    f"the checkpoint was made by {'an earlier' if earlier else 'a later'} version of recipeline, whose "
                    "format this one does not read",
                    file=str(folder),
                    found=str(error),
                    suggestion="Such a file can hold programs. A run of that version can't be resumed: train it anew."
                    if earlier
                    else "Resume the run with the version that has made it.",
                )
            ) from error
        except NotOurs as error:
            raise UnsafeError(
                Problem(
                    "the checkpoint is not as recipeline writes one, and is not read",
                    file=str(folder),
                    found=str(error)[:200],
                    suggestion="Somebody else has made it. Remove that folder to go on from the one before it.",
                )
            ) from error
        except (OSError, RuntimeError, MemoryError, EOFError, LookupError, *_ODD) as error:
            # It is well formed, and yet nothing that this machine or a training can take.
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
