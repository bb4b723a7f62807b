"""The LightningDataModule: read, split and preprocess once, then batches by part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import polars
import pytorch_lightning as pl
import torch

from recipeline.data.ahead import Ahead
from recipeline.data.arrays import KINDS
from recipeline.data.batches import Batches
from recipeline.data.prepare import prepare
from recipeline.data.prepared import PreparedData
from recipeline.data.read import Table, read
from recipeline.data.split import SplitTable, split
from recipeline.data.windows import Windows
from recipeline.families.spec import Part, Role, Task
from recipeline.recipe.model import Recipe
from recipeline.training.on_device import Placement, free_bytes, placement
from recipeline.training.several import Chunks

Complete = Callable[[Recipe, Task, Mapping[str, Role]], Recipe]
EVALUATION_BATCH = 1024
"""Rows in a batch where nothing is learnt: large enough that the overhead of a batch does not count."""
ARRAYS_BATCH = 256
"""The same at most where rows are images, texts or series, whose hidden values take much more room than the rows."""


def evaluation_batch(recipe: Recipe) -> int:
    """Rows in a batch of validation, test and prediction."""
    size = recipe.training.batch_size
    if set(recipe.architecture.accepts) & set(KINDS.values()):
        return min(max(size, 64), ARRAYS_BATCH) if isinstance(size, int) else ARRAYS_BATCH
    return max(size, EVALUATION_BATCH) if isinstance(size, int) else EVALUATION_BATCH


class RecipeDataModule(pl.LightningDataModule):
    """Each of the three data stages runs once, whoever asks first: the run, stage by stage, or Lightning.

    Args:
        recipe: As written.
        cache: Folder of the content-addressed cache.
        complete: Fills in the recipe's open parts for a task and its columns' roles.
        earlier_split: A Parquet file with the column `part` of an earlier run, whose split is taken; if there is one.
    """

    def __init__(self, recipe: Recipe, cache: Path, complete: Complete, earlier_split: Path | None = None) -> None:
        super().__init__()
        self.recipe = self._written = recipe
        self.cache = cache
        self.steps_per_call = 1
        self.windows: Windows | None = None
        """How the train rows are shuffled where memory can't hold them, in one process; set before training."""
        self.workers = 0
        """Processes that cut batches ahead of the training; set before it."""
        self.tell: Callable[[str], None] = lambda _text: None
        """Hears where the rows are held."""
        self.free_bytes = free_bytes
        self._complete = complete
        self._earlier_split = earlier_split
        self._table: Table | None = None
        self._split: SplitTable | None = None
        self._data: PreparedData | None = None
        self._placement: Placement | None = None
        self._ahead: Ahead | None = None

    @property
    def table(self) -> Table:
        """The typed table; reads it when that hasn't been done. The recipe knows its split afterwards."""
        if self._table is None:
            table = self._table = read(self._written, self.cache)
            roles = {name: role for name, role in table.roles.items() if name not in table.targets}
            self.recipe = self._complete(self._written, table.task, roles)
        return self._table

    @property
    def split_table(self) -> SplitTable:
        """The table with each row's part. The recipe is complete afterwards.

        The usual preprocessing goes by the roles that the train rows alone show: other rows must not decide it.
        """
        if self._split is None:
            table = self.table
            rows = self._split = split(table, self.recipe, self._given())
            self.recipe = self._complete(self._written, table.task, {name: rows.roles[name] for name in rows.features})
        return self._split

    def _given(self) -> polars.Series | None:
        """Each row's part as an earlier run has it; None for a run that makes its own split."""
        if self._earlier_split is None or not self._earlier_split.exists():
            return None
        return polars.read_parquet(self._earlier_split, columns=["part"]).to_series()

    @property
    def data(self) -> PreparedData:
        """The arrays that training takes its batches from."""
        if self._data is None:
            rows = self.split_table
            self._data = prepare(rows, self.recipe, self.cache)
        return self._data

    def prepare_data(self) -> None:
        """Fill the cache: Lightning calls this on one process a machine."""
        _ = self.data

    def setup(self, stage: str | None = None) -> None:
        """Open the arrays: Lightning calls this on every process, where the cache answers."""
        _ = self.data

    def train_dataloader(self) -> Batches | Chunks:
        """Shuffled batches of the train part, in chunks where the module takes several a step."""
        batches = self._batches("train", self.recipe.training.batch_size, shuffle=True)
        return Chunks(batches, self.steps_per_call) if self.steps_per_call > 1 else batches

    def val_dataloader(self) -> Batches | list[Batches]:
        """The validation part in order; nothing when there is none."""
        size = evaluation_batch(self.recipe)
        return self._batches("validation", size, shuffle=False) if "validation" in self.data.parts else []

    def test_dataloader(self) -> Batches | list[Batches]:
        """The test part in order; nothing when there is none."""
        size = evaluation_batch(self.recipe)
        return self._batches("test", size, shuffle=False) if "test" in self.data.parts else []

    def close(self) -> None:
        """End the processes that cut batches, and let go of what is held on a device."""
        if self._ahead is not None:
            self._ahead.close()
        if self._placement is not None:
            self._placement.let_go()

    def _batches(self, part: Part, size: int | str, *, shuffle: bool) -> Batches:
        trainer, arrays = self.trainer, self.data.parts[part]
        rank, world = (trainer.global_rank, trainer.world_size) if trainer is not None else (0, 1)
        place = self._place()
        by_workers = self.workers > 0 and part not in place.held
        return Batches(
            arrays,
            size,
            shuffle=shuffle,
            seed=self.recipe.seed,
            rank=rank,
            world=world,
            windows=self.windows if shuffle and world == 1 else None,
            cutter=None if by_workers else place.cutter(part, arrays),
            ahead=partial(self._workers(place).batches, part) if by_workers else None,
        )

    def _place(self) -> Placement:
        """Where the rows are: decided once, on every process for itself, when its device is known."""
        if self._placement is None:
            device = self.trainer.strategy.root_device if self.trainer is not None else torch.device("cpu")
            self._placement = placement(self.data.parts, device, because=self._why_not_held(), free=self.free_bytes)
            if self._placement.said is not None and (self.trainer is None or self.trainer.is_global_zero):
                self.tell(self._placement.said)
        return self._placement

    def _why_not_held(self) -> str | None:
        written = self._written.training
        if written.workers not in ("auto", 0):
            return "the recipe asks for workers that cut them"
        if written.batch_size == "auto":
            return "the batch size was found for all of its memory"
        return None

    def _workers(self, place: Placement) -> Ahead:
        if self._ahead is None:
            self._ahead = Ahead(self.data.parts, self.workers, torch.Tensor.pin_memory if place.pinned else None)
        return self._ahead
