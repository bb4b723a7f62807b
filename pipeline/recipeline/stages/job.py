"""What the stages of one run pass on to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.catalog import Catalog
from recipeline.data import table_file
from recipeline.errors import RecipelineError
from recipeline.hooks import RunContext
from recipeline.recipe.model import Recipe

if TYPE_CHECKING:
    import polars as pl
    import pytorch_lightning
    import torch

    from recipeline.data.prepared import PreparedData
    from recipeline.families.spec import Part
    from recipeline.serving.fresh import FreshInterpreter
    from recipeline.tracking.run import TrackedRun
    from recipeline.training.datamodule import RecipeDataModule
    from recipeline.training.memo import Memo
    from recipeline.training.module import TrainingModule
    from recipeline.training.observer import Observer

EARLIER_SPLIT = "split.parquet"
"""In a run's folder: each row's part in the run that it reproduces. Other processes and a resumed run find it there."""


@dataclass(slots=True)
class Job:
    """One run under way. A stage reads what earlier ones have left here, and leaves its own."""

    recipe: Recipe
    """As written; complete from `split` on."""
    catalog: Catalog
    folder: Path
    """The run's own folder on this machine."""
    cache: Path
    observer: Observer
    context: RunContext
    run: TrackedRun | None = None
    """The MLflow run; None on the other ranks of a distributed training."""
    datamodule: RecipeDataModule | None = None
    module: TrainingModule | None = None
    trainer: pytorch_lightning.Trainer | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    """The numbers that a run has once."""
    judged: Part = "test"
    """The part whose predictions the reports show: test, or validation when there is no test part."""
    weights_sha256: str = ""
    """Of the best epoch's weights; empty on the other ranks of a distributed training."""
    prediction: torch.Tensor | None = None
    """The best model's answers on that part."""
    fresh: FreshInterpreter | None = None
    """The interpreter that will check the logged model: it takes seconds to be ready, so `read` starts it."""
    model_uri: str | None = None
    checkpoint: Path | None = None
    """Where a resumed training goes on; None for one that begins."""
    kept: dict[int, str | None] = field(default_factory=dict)
    """The checkpoints that there are, by number, with the name of the best epoch's that each depends on."""
    memo: Memo | None = None
    """What the run keeps to be resumed; None on the other ranks of a distributed training."""
    abandon: Callable[[RecipelineError], None] | None = None
    """Ends the run and its process from any thread; None on the other ranks of a distributed training."""
    at_the_end: Callable[[Job], None] | None = None
    """What else is to be done when all stages are through, while the run can still be told things."""

    def note(self, text: str) -> None:
        """Tell the observer something once, values from the environment hidden."""
        self.observer.note(self.recipe.redact(text))

    @property
    def data(self) -> PreparedData:
        """The prepared arrays."""
        assert self.datamodule is not None
        return self.datamodule.data

    def raw_rows(self, rows: list[int]) -> pl.DataFrame:
        """These rows as they are in the source, the target left out."""
        import polars as pl

        assert self.datamodule is not None
        table = self.datamodule.table
        names = [name for name in table.schema if name not in table.targets]
        picked, done = [pl.DataFrame(schema={name: table.schema[name] for name in names})], 0
        for batch in table_file.record_batches(table.path, names) if rows and names else ():
            here = sorted(row - done for row in rows if done <= row < done + batch.height)
            picked.append(batch[here])
            done += batch.height
            if done > max(rows):
                break
        return pl.concat(picked)
