"""The checkpoints in a run's folder: which there are, and the newest one that is whole. Loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recipeline.storage.sealed import Damaged, Sealed, verify

CHECKPOINTS = "checkpoints"
"""The folder below a run's that holds them."""
STATE = "state.ckpt"
"""The one file of a checkpoint's folder: tensors and plain values, as torch writes them."""
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


def find_checkpoints(folder: Path) -> Found:
    """The newest checkpoint that is whole together with the best epoch's that it depends on, and older ones."""
    newest: Sealed | None = None
    kept: dict[int, str | None] = {}
    damaged: list[str] = []
    for path in sorted(numbered(folder), reverse=True):
        try:
            sealed = verify(path)
            best = sealed.info.get("best")
            if best is not None:
                verify(folder / Path(best).name)
        except (Damaged, OSError) as error:
            if newest is None:
                damaged.append(str(error))
            continue
        newest = newest or sealed
        kept[int(path.stem)] = best
    if newest is None:
        return Found(None, kept, tuple(damaged))
    return Found(newest.folder, kept, tuple(damaged), int(newest.info["epoch"]), int(newest.info["step"]))


def numbered(folder: Path) -> list[Path]:
    """The checkpoints that a run can be resumed from, in no order."""
    return [path for path in folder.glob(f"[0-9]*{SUFFIX}") if path.stem.isdigit()]


def to_log(folder: Path) -> dict[str, Path]:
    """The files of the best and of the last checkpoint, by the names that they have in a run."""
    last, best = sorted(numbered(folder)), sorted(folder.glob(f"{BEST}*{SUFFIX}"))
    found = {"best.ckpt": best[-1] if best else None, "last.ckpt": last[-1] if last else None}
    return {name: path / STATE for name, path in found.items() if path is not None}
