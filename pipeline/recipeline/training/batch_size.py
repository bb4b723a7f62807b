"""What `batch_size: auto` comes to: the largest power of two that fits, found by real steps of a model thrown away."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from recipeline.data.arrays import LENGTHS
from recipeline.data.batches import Batches
from recipeline.data.cutting import Batch
from recipeline.data.prepared import Arrays, PreparedData
from recipeline.errors import EnvironmentFault, Problem, RecipeError
from recipeline.families.spec import PADDING
from recipeline.recipe.model import Recipe
from recipeline.training.memory import available_bytes
from recipeline.training.module import TrainingModule

CPU_LIMIT = 1024
"""The most that `auto` takes on a CPU, where a larger batch is no faster, and learns less from the same rows."""
SHARE = 0.5
"""Share of the free memory that a step on a CPU may take: others want some, too."""
AT_ONCE = 3
"""How often over what a step keeps for its backward pass may be there at its height."""
PROBES = (8, 32)
"""Rows of the two steps that show what a row takes."""
STEPS = 2
"""Steps of a try: the first one makes the optimizer's state."""

_WORDS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "bad_alloc")
_TYPES = {"64-true": torch.float64, "bf16-true": torch.bfloat16}
_MIXED = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Found:
    """A batch size and what it is bounded by."""

    size: int
    because: str
    """Half a sentence."""

    def __str__(self) -> str:
        return f"auto: {self.size} ({self.because})"


def found_batch_size(recipe: Recipe, data: PreparedData) -> Found:
    """The largest power of two that fits.

    Tried on a model of its own, with the longest rows there are, so that nothing of the training to come is touched:
    not its weights, not its optimizer, not a generator of random numbers.

    Raises:
        RecipeError: several devices are to train, each of which would find a number of its own.
        EnvironmentFault: not one row fits.
    """
    rows = len(data.parts["train"])
    most, because = 1 << (rows.bit_length() - 1), f"the train part has {rows:,} rows"
    device = _device(recipe)
    if device.type == "cpu" and most > CPU_LIMIT:
        most, because = CPU_LIMIT, "the most that it takes on a CPU"
    with _untouched():
        torch.manual_seed(recipe.seed)
        trial = _Trial(recipe, data, device)
        if device.type == "cpu":
            bound = trial.bound()
            if bound < most:
                most, because = 1 << (bound.bit_length() - 1), "the free memory bears no more"
            size = _downwards(trial, most)
        else:
            size = _upwards(trial, most)
    if size == 0:
        raise EnvironmentFault(
            Problem(
                "not one row fits into the memory",
                path="training.batch_size",
                found="auto",
                suggestion="A smaller network takes less, and so do smaller images and shorter texts.",
            )
        )
    return Found(size, because if size == most else f"{size * 2} is more than the memory holds")


def with_batch_size(recipe: Recipe, size: int) -> Recipe:
    """The recipe with this number in the place of `auto`."""
    training = recipe.training.model_copy(update={"batch_size": size})
    return recipe.model_copy(update={"training": training})


def _downwards(trial: _Trial, size: int) -> int:
    while size and not trial.fits(size):
        size //= 2
    return size


def _upwards(trial: _Trial, most: int) -> int:
    """From two rows on, of which batch norm can tell a spread."""
    size = min(2, most)
    if not trial.fits(size):
        return _downwards(trial, size // 2)
    while size < most and trial.fits(size * 2):
        size *= 2
    return size


def _device(recipe: Recipe) -> torch.device:
    """The one device that trains, as Lightning would choose it; the CPU where the recipe's is not there.

    Raises:
        RecipeError: there are several.
    """
    training = recipe.training
    wanted = {"gpu": ("cuda", "mps"), "auto": ("cuda", "mps")}.get(training.accelerator, (training.accelerator,))
    here = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if here is None or here.type not in wanted:
        return torch.device("cpu")
    count = torch.accelerator.device_count()
    if training.devices == "auto" and count > 1:
        raise RecipeError(
            Problem(
                f"auto looks for the batch size of one device, and {count} would train",
                path="training.batch_size",
                suggestion="Write training: {devices: 1}, or give a number.",
            )
        )
    first = training.devices[0] if isinstance(training.devices, list) and training.devices else 0
    return torch.device(here.type, first)


class _Trial:
    """A model to be thrown away, and steps of it with as many rows as are asked for.

    Args:
        recipe: Its schedule is left out: it takes no memory, and needs to know how many batches there are.
        data: The prepared arrays.
        device: Where to.
    """

    def __init__(self, recipe: Recipe, data: PreparedData, device: torch.device) -> None:
        self.precision = recipe.training.precision
        self.device = device
        self.arrays = data.parts["train"]
        self.order = _longest_first(self.arrays)
        self.recipe = recipe.model_copy(update={"scheduler": None})
        self.data = data

    def fits(self, size: int) -> bool:
        """Whether steps of this many rows go through."""
        try:
            self._steps(size, STEPS)
        except (RuntimeError, MemoryError) as error:
            if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not _speaks_of_memory(error):
                raise
            full = True
        else:
            full = False
        if full:  # out of the handler, which holds the failed step's tensors
            gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return not full

    def bound(self) -> int:
        """Rows that the free memory bears, by what few rows keep for the backward pass; 1 at least."""
        few, more = (min(size, len(self.arrays)) for size in PROBES)
        per_row = self._kept(more) / more if more == few else (self._kept(more) - self._kept(few)) / (more - few)
        return max(1, int(available_bytes() * SHARE / (AT_ONCE * max(per_row, 1))))

    def _kept(self, size: int) -> int:
        """Bytes that a step of this many rows keeps for its backward pass, and of the rows themselves."""
        seen: dict[int, int] = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            if tensor.device.type != "meta":
                seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            inputs, target = self._steps(size, 1)
        return sum(seen.values()) + sum(block.nbytes for block in (*inputs, target))

    def _steps(self, size: int, count: int) -> Batch:
        module = TrainingModule(self.recipe, self.data)
        module.configure_model()
        rows = _picked(self.arrays, self.order[:size])
        batch = next(iter(Batches(rows, size, shuffle=False, seed=0)))
        dtype = _TYPES.get(self.precision)
        module.to(self.device, dtype) if dtype is not None else module.to(self.device)
        module.train()
        batch = module.ready(_moved(batch, self.device, dtype))
        optimizer = module.configure_optimizers()["optimizer"]
        for number in range(count):
            with self._autocast():
                _step(module, optimizer, batch, number)
        return batch

    def _autocast(self) -> AbstractContextManager[Any]:
        mixed = _MIXED.get(self.precision)
        return nullcontext() if mixed is None else torch.autocast(self.device.type, dtype=mixed)


def _step(module: TrainingModule, optimizer: torch.optim.Optimizer, batch: Batch, number: int) -> None:
    """One step of training, as the recipe's optimizer makes it."""
    plugin = module.recipe.optimizer
    assert plugin is not None
    second_order = plugin.second_order

    def closure() -> Any:
        optimizer.zero_grad(set_to_none=True)
        loss = module.loss_of(batch, number)
        loss.backward(retain_graph=second_order)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return loss

    if plugin.needs_closure or any(each.needs_closure for each in module.recipe.regularization):
        optimizer.step(closure)
    else:
        closure()
        optimizer.step()


def _longest_first(arrays: Arrays) -> np.ndarray:
    """The rows, those that take most before the others: a later batch may hold nothing but them."""
    steps = np.zeros(len(arrays), dtype=np.int64)
    if LENGTHS in arrays.kinds:
        steps += arrays.blocks[arrays.kinds.index(LENGTHS)]
    if arrays.target.ndim == 2 and arrays.target.dtype == np.int64:  # sequences
        steps += (arrays.target != PADDING).sum(axis=1)
    return np.argsort(-steps, kind="stable")


def _picked(arrays: Arrays, rows: np.ndarray) -> Arrays:
    blocks = tuple(block[rows] for block in arrays.blocks)
    return replace(arrays, blocks=blocks, target=arrays.target[rows], rows=arrays.rows[rows])


def _moved(batch: Batch, device: torch.device, dtype: torch.dtype | None) -> Batch:
    def there(block: torch.Tensor) -> torch.Tensor:
        return block.to(device, dtype if dtype is not None and block.is_floating_point() else block.dtype)

    inputs, target = batch
    return tuple(there(block) for block in inputs), there(target)


def _speaks_of_memory(error: Exception) -> bool:
    words = str(error).lower()
    return any(word in words for word in _WORDS)


@contextmanager
def _untouched() -> Iterator[None]:
    """Leave every generator of random numbers as it was."""
    python, numbers = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
