"""Checkpoints on disk: written so that a crash leaves the old or the new one whole, read without pickle's powers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.plugins.io import CheckpointIO

from recipeline.errors import EnvironmentFault, Problem
from recipeline.storage.atomic import replacing


class DurableCheckpointIO(CheckpointIO):
    """Lightning's checkpoints through the atomic writer, loaded with `weights_only`."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        """Write beside, sync, rename."""
        try:
            with replacing(Path(path)) as file:
                torch.save(checkpoint, file)
        except OSError as error:
            raise EnvironmentFault(
                Problem(
                    f"the checkpoint can't be written: {error.strerror or error}",
                    file=str(path),
                    suggestion="Free some space or choose another working folder.",
                )
            ) from error

    def load_checkpoint(
        self, path: Any, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read tensors and plain values; anything else in the file is refused."""
        loaded = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        assert isinstance(loaded, dict)
        return loaded

    def remove_checkpoint(self, path: Any) -> None:
        """Delete the file, if it is there."""
        Path(path).unlink(missing_ok=True)


def best_checkpoint(folder: Path | None, monitor: str, mode: str) -> ModelCheckpoint:
    """Keeps the best epoch by `monitor`."""
    return ModelCheckpoint(
        dirpath=folder,
        filename="best",
        monitor=monitor,
        mode=mode,
        save_top_k=1,
        enable_version_counter=False,
        auto_insert_metric_name=False,
        save_on_train_epoch_end=True,
    )


def last_checkpoint(folder: Path | None) -> ModelCheckpoint:
    """Keeps the last epoch, whatever it was worth.

    A callback of its own, because with `save_last` Lightning keeps the last epoch that was a best one.
    """
    return ModelCheckpoint(dirpath=folder, filename="last", enable_version_counter=False, save_on_train_epoch_end=True)
