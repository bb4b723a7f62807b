"""A table with every kind of column, a model for it, and a store with a run."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
import torch

from recipeline.data.pipeline import FittedPipeline
from recipeline.network import build_network
from recipeline.recipe.model import Recipe
from recipeline.serving.bundle import write_bundle
from recipeline.stages.read import complete
from recipeline.storage.sealed import seal
from recipeline.training.datamodule import RecipeDataModule

ROWS = 120


def rows_of(count: int = ROWS) -> pl.DataFrame:
    """Rows in which each column carries something, with holes in some columns and none in others."""
    numbers = range(count)
    return pl.DataFrame(
        {
            "size": [None if n % 11 == 3 else n * 0.37 - 5 for n in numbers],
            "age": [None if n % 13 == 5 else n % 40 for n in numbers],
            "year": [2000 + n % 9 for n in numbers],
            "town": [None if n % 17 == 2 else ("Oslo", "Rome", "Bern")[n % 3] for n in numbers],
            "code": [f"{n % 4:03d}" for n in numbers],
            "member": [n % 5 == 0 for n in numbers],
            "asked": [None if n % 19 == 7 else n % 7 == 0 for n in numbers],
            "seen": [date(2024, 1 + n % 12, 1 + n % 27) for n in numbers],
            "price": [n * 1.5 + (n % 7) for n in numbers],
            "tax": [n * 0.25 - (n % 3) for n in numbers],
            "grade": [("good", "bad", "ugly")[n % 3] for n in numbers],
            "stars": [1 + n % 3 for n in numbers],
            "sold": [n % 2 == 0 for n in numbers],
            "late": [n % 4 == 0 for n in numbers],
        }
    )


@dataclass(frozen=True)
class Trained:
    """A model (its first weights will do), where it is saved, and rows for it."""

    recipe: Recipe
    pipeline: FittedPipeline
    network: torch.nn.Module
    bundle: Path
    rows: pl.DataFrame
    """Raw rows without the target."""


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trained]:
    """Makes a model for a target of the table; each target is made once."""
    folder = tmp_path_factory.mktemp("served")
    targets = ("price", "tax", "grade", "stars", "sold", "late")
    rows_of().write_parquet(folder / "rows.parquet")
    made: dict[str, Trained] = {}

    def make(target: str | list[str] = "grade", task: str = "auto") -> Trained:
        key = f"{target} {task}"
        if key in made:
            return made[key]
        named = [target] if isinstance(target, str) else target
        written = {
            "name": "shop",
            "data": {
                "source": {"type": "parquet", "path": str(folder / "rows.parquet")},
                "target": target,
                "task": task,
                "columns": {other: "ignore" for other in targets if other not in named},
            },
            "architecture": {"type": "mlp", "hidden": [8], "normalization": "batch"},
        }
        module = RecipeDataModule(Recipe.model_validate(written), folder / "cache", complete)
        data, recipe = module.data, module.recipe
        torch.manual_seed(3)
        network = build_network(recipe, data.inputs, data.target)
        bundle = folder / f"bundle{len(made)}"
        write_bundle(bundle, network=network, recipe=recipe, pipeline=data.pipeline, batch_size=64)
        made[key] = Trained(recipe, data.pipeline, network, bundle, rows_of().drop(targets))
        return made[key]

    return make


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An open run in a store of its own, as far as logging a model cares."""
    import mlflow

    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = mlflow.MlflowClient(uri)
    experiment = client.create_experiment("shop", artifact_location=(folder / "mlruns").as_uri())
    opened = client.create_run(experiment, run_name="shop")
    client.log_param(opened.info.run_id, "optimizer", "adam")
    return SimpleNamespace(
        run_id=opened.info.run_id, experiment_id=experiment, tracking_uri=uri, flush=lambda: True, client=client
    )


@pytest.fixture
def reseal():
    """Gives a bundle that was changed the manifest that whoever changed it would make."""

    def give(folder: Path) -> Path:
        (folder / "manifest.json").unlink(missing_ok=True)
        seal(folder, {}, times=False)
        return folder

    return give
