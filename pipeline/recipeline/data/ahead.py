"""Worker processes that cut batches while the training is busy with the ones before.

Every batch is asked for by the numbers of its rows, in the order in which the training will want it, and given in that
order: what comes out is what this process would have cut, byte for byte, and no generator of random numbers is touched.
The workers are forked from a process of their own that has imported torch and done nothing else: the one that trains
has threads and perhaps a GPU, and a fork of it may wait forever for a lock that nobody in it holds any more.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import signal
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import torch

from recipeline.data import worker
from recipeline.data.cutting import Batch, Place
from recipeline.data.handover import receive
from recipeline.errors import EnvironmentFault, Problem

if TYPE_CHECKING:
    from recipeline.data.prepared import Arrays

EACH = 2
"""Batches that a worker is asked for before the first of them is taken: one is cut while another waits."""
MOST = 4
"""Workers that `auto` takes at most: each one more gives less, and takes as much memory."""
SPARED = 2
"""Cores that `auto` leaves to the training. On a machine of two, measured with rows that had to come from disk, workers
made a step no shorter: they took as much of the processor as they spared it waiting."""
PATIENCE_S = 5.0
"""How long a worker may take to end, of which nothing is wanted any more."""

_METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
_WHY = {
    getattr(signal, "SIGKILL", 0): "The system does that when memory runs out: its log says so. ",
    getattr(signal, "SIGBUS", 0): "That is how a full /dev/shm shows, of which a container may have little, and a disk "
    "that can't be read. ",
}
"""What may be behind a signal that has ended a worker."""


class Ahead:
    """Some worker processes that cut the batches of all parts; started by the first iteration.

    Args:
        parts: The arrays. Mapped files are opened by the workers, others are handed over in shared memory.
        count: How many processes.
        pin: Puts a tensor into memory that a GPU can copy from by itself.
    """

    def __init__(
        self, parts: Mapping[Any, Arrays], count: int, pin: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> None:
        self._parts = parts
        self._count = count
        self._pin = pin
        self._workers: list[_Worker] = []
        self._turn = 0

    @property
    def pids(self) -> list[int]:
        """The processes that there are now."""
        return [each.pid for each in self._workers]

    def batches(self, part: str, places: Sequence[Place]) -> Iterator[Batch]:
        """The batches of these places, in their order.

        Another iteration may begin before this one is through: what was cut in advance is cut once more then.

        Raises:
            EnvironmentFault: a worker can't be started, or was lost.
        """
        workers = self._started()
        turn, asked = self._next_turn(), 0
        for number in range(len(places)):
            if turn != self._turn:
                turn, asked = self._next_turn(), number
            try:
                while asked < min(len(places), number + EACH * len(workers)):
                    workers[asked % len(workers)].ask(turn, part, places[asked])
                    asked += 1
                blocks, target = workers[number % len(workers)].answer(turn)
            except (EOFError, OSError) as error:
                raise self._lost(error) from error
            yield (blocks, target) if self._pin is None else (tuple(map(self._pin, blocks)), self._pin(target))

    def close(self) -> None:
        """End the workers. A further iteration starts others."""
        atexit.unregister(self.close)
        workers, self._workers = self._workers, []
        for each in workers:
            with contextlib.suppress(OSError):
                each.connection.send(None)
            each.connection.close()
        for each in workers:
            each.process.join(PATIENCE_S)
            if each.process.is_alive():  # it waits for a disk, say
                each.process.kill()
                each.process.join(PATIENCE_S)

    def _next_turn(self) -> int:
        self._turn += 1
        return self._turn

    def _started(self) -> list[_Worker]:
        if not self._workers:
            parts = {str(part): worker.Sent(arrays) for part, arrays in self._parts.items()}
            atexit.register(self.close)  # before multiprocessing's own, which would wait for them
            try:
                for _ in range(self._count):
                    self._workers.append(_Worker(parts))
            except (OSError, EOFError) as error:
                self.close()
                raise EnvironmentFault(
                    Problem(
                        f"worker processes that cut batches can't be started: {error}",
                        path="training.workers",
                        found=str(self._count),
                        suggestion="Take fewer, or 0: batches are then cut where they are trained on.",
                    )
                ) from error
        return self._workers

    def _lost(self, error: Exception) -> EnvironmentFault:
        """What to say of the worker that is gone, or of the connection to it."""
        workers = list(self._workers)
        wait([each.process.sentinel for each in workers], PATIENCE_S)
        gone = next((number for number, each in enumerate(workers) if each.process.exitcode is not None), None)
        self.close()
        if gone is None:
            return EnvironmentFault(
                Problem(f"a batch can't be taken from its worker process: {error}", path="training.workers")
            )
        code = workers[gone].process.exitcode or 0
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with exit code {code}"
        return EnvironmentFault(
            Problem(
                f"worker process {gone + 1} of {len(workers)} that cuts batches {how}, and the training can't go on "
                "without it",
                path="training.workers",
                found=f"pid {workers[gone].pid}",
                suggestion=f"{_WHY.get(-code, '')}Fewer take less memory, and 0 none. Go on from the last checkpoint "
                "with: recipeline resume last",
            )
        )


def automatic(cores: int) -> int:
    """How many workers `auto` takes for rows that have to come from disk."""
    return min(MOST, max(0, cores - SPARED))


def warm_up() -> None:
    """Let the process that workers are forked from import what they need, which takes seconds, beside this one."""
    if _METHOD != "forkserver":
        return
    from multiprocessing import forkserver, resource_tracker  # not on Windows

    multiprocessing.get_context(_METHOD).set_forkserver_preload([worker.__name__])
    resource_tracker.ensure_running()  # here, because it would unblock the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, worker.SIGNALS)  # which a new process inherits
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """One process, and the connection to it."""

    def __init__(self, parts: dict[str, worker.Sent]) -> None:
        context = multiprocessing.get_context(_METHOD)
        with _nameless_main():
            warm_up()
            self.connection, theirs = context.Pipe()
            self.process = context.Process(  # type: ignore[attr-defined]  # each of the two contexts has it
                target=worker.work, args=(theirs, parts), name="recipeline-batches", daemon=True
            )
            self.process.start()
        theirs.close()  # so that its end is seen here
        self.pid: int = self.process.pid

    def ask(self, turn: int, part: str, place: Place) -> None:
        """Let it cut a batch, behind those that it was asked for before."""
        self.connection.send((turn, part, place if isinstance(place, slice) else place.numpy()))

    def answer(self, turn: int) -> Batch:
        """The first batch of this turn that was not taken yet."""
        while True:
            about, batch = receive(self.connection)
            if isinstance(about, worker.Failure):
                raise about.error()
            if about == turn and batch is not None:
                return batch


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """Keep the program that was started out of new processes, which would run it once more to find its functions."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
