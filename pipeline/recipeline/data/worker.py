"""What a process does that cuts batches for another: it opens the arrays, and cuts what it is asked for."""

from __future__ import annotations

import mmap
import multiprocessing.util
import os
import shutil
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from recipeline.data.cutting import Cutter
from recipeline.data.handover import send, send_word
from recipeline.data.packed import Packing, as_tensor
from recipeline.errors import EnvironmentFault, Problem, RecipelineError

if TYPE_CHECKING:
    from recipeline.data.prepared import Arrays

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]
"""What a terminal or a batch system sends to every process of a run: the one that trains answers for all."""
GONE_S = 1.0
"""How long the end of a process may take to be seen, after that of its connections."""
_SHARED = ("shared memory", "file </torch_", "allocate memory")
"""Words of torch's errors when shared memory is at its end."""


def work(connection: Connection, parts: dict[str, Sent]) -> None:
    """Cut what is asked for, until there is a word that nothing is any more, or nobody who could say it."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    torch.set_num_threads(1)
    cutters: dict[str, Cutter] = {}
    try:
        while (asked := connection.recv()) is not None:
            turn, part, place = asked
            try:
                if part not in cutters:
                    cutters[part] = parts[part].cutter()
                where = place if isinstance(place, slice) else torch.from_numpy(place)
                send(connection, turn, cutters[part].cut(where))
            except ConnectionError:
                raise
            except Exception as error:
                outside = isinstance(error, OSError | MemoryError) or any(words in str(error) for words in _SHARED)
                send_word(connection, Failure(outside, traceback.format_exc()))
    except (EOFError, ConnectionError):
        _clear_away()


def _clear_away() -> None:
    """Remove what a process that was killed could not: the folder of the socket by which workers are started."""
    asking = multiprocessing.parent_process()
    if asking is None:
        return
    asking.join(GONE_S)
    if not asking.is_alive():
        shutil.rmtree(multiprocessing.util.get_temp_dir(), ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in a worker."""

    outside: bool
    """Whether it is a matter of disk or memory."""
    text: str
    """With its traceback."""

    def error(self) -> RecipelineError:
        """The same, in the process that has asked."""
        if not self.outside:
            return RecipelineError(f"a worker process that cuts batches failed:\n{self.text}")
        return EnvironmentFault(
            Problem(
                f"a worker process can't cut its batch: {self.text.rstrip().rpartition(chr(10))[2]}",
                path="training.workers",
                suggestion="See whether the disk and /dev/shm are in order, or take 0.",
            )
        )


class Sent:
    """The arrays of a part on their way to a worker: a mapped file is opened there, and others are shared."""

    def __init__(self, arrays: Arrays) -> None:
        self._blocks = [_File.of(block) or as_tensor(block) for block in arrays.blocks]
        self._packings = tuple(Packing.of(block) for block in arrays.blocks)
        self._target = _File.of(arrays.target) or torch.from_numpy(arrays.target)
        self._kinds = arrays.kinds

    def cutter(self) -> Cutter:
        """Cuts from these arrays."""
        blocks = tuple(block.open() if isinstance(block, _File) else block for block in self._blocks)
        target = self._target.open() if isinstance(self._target, _File) else self._target
        return Cutter(blocks, target, self._kinds, packings=self._packings)


@dataclass(frozen=True, slots=True)
class _File:
    """Where a mapped array lies. Pickled itself it would be read and copied, all of it."""

    path: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, array: np.ndarray) -> _File | None:
        """Where this array lies; None when it is not the whole of a mapped file."""
        if not isinstance(array, np.memmap) or not isinstance(array.base, mmap.mmap) or array.filename is None:
            return None
        return cls(os.fspath(array.filename), array.offset, array.shape, array.dtype)

    def open(self) -> torch.Tensor:
        """The array. Copied where it is written to, because torch warns of others."""
        return as_tensor(np.memmap(self.path, self.dtype, "c", self.offset, self.shape))
