"""The checkpoints in a run's folder: which there are, and the newest one that is whole. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipeline.storage.sealed import Damaged, Sealed, verify

CHECKPOINTS = "checkpoints"
"""The folder below a run's that holds them."""
STATE = "state.ckpt"
"""The one file of a checkpoint's folder: tensors and plain values."""
SUFFIX = ".ckpt"
BEST = "best-"
"""How the name of a best epoch's checkpoint begins."""


@dataclass(frozen=True, slots=True)
class Found:
    """The checkpoints in a run's folder."""

    newest: Path | None
    """The newest whole one; None when there is none."""
    kept: dict[int, str | None]
    """The number of each that is whole, and the name of the best epoch's that it depends on."""
    damaged: tuple[str, ...]
    """What is wrong with each newer one that is not whole."""
    epochs: int = 0
    """How many epochs were complete when the newest whole one was made."""
    step: int = 0
    """How many optimizer steps had been made."""


def verify_checkpoint(folder: Path, *, thorough: bool = True) -> Sealed:
    """The checkpoint, if it is what was written: a folder of its own with the one file in it, and no other.

    Raises:
        Damaged: it is not.
    """
    if folder.is_symlink():
        raise Damaged(folder, "it is a link to another place")
    return verify(folder, thorough=thorough, only=frozenset({STATE}))


def find_checkpoints(folder: Path) -> Found:
    """The newest checkpoint that is whole together with the best epoch's that it depends on, and older ones."""
    newest: Sealed | None = None
    kept: dict[int, str | None] = {}
    damaged: list[str] = []
    for path in sorted(numbered(folder), reverse=True):
        try:
            sealed = verify_checkpoint(path)
            best = sealed.info.get("best")
            if best is not None:
                verify_checkpoint(folder / _beside(path, best))
            if type(sealed.info.get("epoch")) is not int or type(sealed.info.get("step")) is not int:
                raise Damaged(path, "its manifest does not say after which epoch and step it was made")
        except (Damaged, OSError) as error:
            if newest is None:
                damaged.append(str(error))
            continue
        newest = newest or sealed
        kept[int(path.stem)] = best
    if newest is None:
        return Found(None, kept, tuple(damaged))
    return Found(newest.folder, kept, tuple(damaged), int(newest.info["epoch"]), int(newest.info["step"]))


def _beside(path: Path, best: Any) -> str:
    """The name of a best epoch's checkpoint, as a manifest gives it."""
    if isinstance(best, str) and best.startswith(BEST) and best.endswith(SUFFIX) and Path(best).name == best:
        return best
    raise Damaged(path, "its manifest names no checkpoint as that of the best epoch")


def numbered(folder: Path) -> list[Path]:
    """The checkpoints that a run can be resumed from, in no order."""
    return [path for path in folder.glob(f"[0-9]*{SUFFIX}") if path.stem.isdecimal() and path.stem.isascii()]


def to_log(folder: Path) -> dict[str, Path]:
    """The files of the best and of the last checkpoint, by the names that they have in a run."""
    last, best = sorted(numbered(folder)), sorted(folder.glob(f"{BEST}*{SUFFIX}"))
    found = {"best.ckpt": best[-1] if best else None, "last.ckpt": last[-1] if last else None}
    return {
        name: path / STATE
        for name, path in found.items()
        if path is not None and not path.is_symlink() and not (path / STATE).is_symlink()
    }
