"""Log a bundle as an MLflow model, and see whether it answers in a fresh interpreter as the trainer did."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Collection
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from recipeline.catalog import Catalog, installed
from recipeline.data.cells import in_words
from recipeline.data.pipeline import FittedPipeline
from recipeline.errors import EnvironmentFault, Problem, RecipelineError
from recipeline.serving import check, frames
from recipeline.serving import fresh as interpreters
from recipeline.serving.bundle import read_description
from recipeline.serving.fetch import download
from recipeline.serving.store import as_default
from recipeline.signals import raise_interruption

if TYPE_CHECKING:
    import polars as pl

NAME = "model"
"""The logged model's name in its run."""
TOLERANCE = 1e-6
DESCRIPTION_LENGTH = 7000
"""Characters of a description, of 8000 that MLflow takes of a tag."""

_PINNED = ("mlflow", "torch", "polars", "numpy", "pandas", "pyarrow", "safetensors", "pydantic")


class Run(Protocol):
    """What logging a model has to know of the run."""

    @property
    def run_id(self) -> str:
        """MLflow's id."""

    @property
    def experiment_id(self) -> str:
        """The experiment's id."""

    @property
    def tracking_uri(self) -> str:
        """The store."""

    def flush(self) -> bool:
        """Send what waits: MLflow copies a run's params and metrics to its model."""


def log_model(
    run: Run,
    bundle: Path,
    *,
    example: pl.DataFrame,
    register_as: str | None = None,
    nullable: Collection[str] | None = None,
    catalog: Catalog | None = None,
) -> str:
    """Log the bundle as the run's model for raw rows.

    Args:
        run: The open run.
        bundle: What `write_bundle` wrote.
        example: A few raw rows, two or more, to show what a request looks like.
        register_as: Register it under this name too.
        nullable: The columns with missing values in the data; by default those of the example.
        catalog: Where the bundle's plugins come from.

    Returns:
        The model's URI.

    Raises:
        EnvironmentFault: the store would not take it.
    """
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    said = read_description(bundle)
    pipeline = FittedPipeline.from_json(said["pipeline"], catalog or installed())
    holes = {column.name for column in example if column.null_count()} | set(nullable or ())
    run.flush()
    client = mlflow.MlflowClient(run.tracking_uri)
    with as_default(run.tracking_uri), _quiet():
        try:
            # Made beforehand, because MLflow would put it into its default experiment: it asks for an active run.
            made = client.create_logged_model(
                experiment_id=run.experiment_id,
                name=NAME,
                source_run_id=run.run_id,
                params=client.get_run(run.run_id).data.params,
                tags={"mlflow.note.content": described(pipeline, example, holes)},
            )
            logged = Model.log(
                artifact_path=None,
                flavor=mlflow.pyfunc,
                name=NAME,
                run_id=run.run_id,
                model_id=made.model_id,
                registered_model_name=register_as,
                **_content(bundle, pipeline, example),
            )
        except (MlflowException, OSError) as error:
            raise_interruption(error)
            raise EnvironmentFault(
                Problem(
                    "the model could not be logged",
                    found=" ".join(str(error).split())[:300],
                    suggestion="`recipeline doctor` looks at the store.",
                )
            ) from error
    return str(logged.model_uri)


def save_model(bundle: Path, folder: Path, *, example: pl.DataFrame, catalog: Catalog | None = None) -> str:
    """Write what `log_model` would log into a folder, for when there is no store to log it to.

    Args:
        bundle: What `write_bundle` wrote.
        folder: Where to; it must not exist.
        example: A few raw rows, two or more.
        catalog: Where the bundle's plugins come from.

    Returns:
        The folder, which MLflow takes for a model's URI.
    """
    pipeline = FittedPipeline.from_json(read_description(bundle)["pipeline"], catalog or installed())
    with _quiet():
        import mlflow.pyfunc  # warns of type hints of its own

        mlflow.pyfunc.save_model(str(folder), **_content(bundle, pipeline, example))
    return str(folder)


def _content(bundle: Path, pipeline: FittedPipeline, example: pl.DataFrame) -> dict[str, Any]:
    return {
        "python_model": str(Path(__file__).with_name("model.py")),
        "artifacts": {"bundle": str(bundle)},
        "signature": signature(pipeline),
        "input_example": frames.to_pandas(example, pipeline),
        # Given, because finding them out starts an interpreter that loads everything: seconds.
        "pip_requirements": requirements(read_description(bundle)["requirements"]),
        "metadata": {"task": pipeline.target.task, "target": list(pipeline.target.columns)},
    }


def signature(pipeline: FittedPipeline) -> Any:
    """What goes in and comes out, in MLflow's types.

    Every column must be there, and its cells may be of any type. MLflow's own types are narrower than what people
    send: of `double` it refuses a column that pandas happens to read as whole numbers, of `long` one with an empty
    cell, of `string` one that is empty throughout or holds times. Which type pandas makes of a column depends on
    the few rows at hand, so none of them would do. Our conversion takes numbers, words and times in every such form,
    and names row and column where it can't. What a column should hold is said in words, by `described`.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    inputs = Schema([ColSpec(AnyType(), column.name) for column in pipeline.columns])
    return ModelSignature(inputs=inputs, outputs=Schema([ColSpec(kind, name) for name, kind in _outputs(pipeline)]))


def described(pipeline: FittedPipeline, example: pl.DataFrame, nullable: Collection[str]) -> str:
    """The model's description in the MLflow UI: each column with what it holds and an example, in Markdown."""
    lines = ["| column | holds | example |", "| :-- | :-- | :-- |"]
    for column in pipeline.columns:
        cells = example.get_column(column.name).drop_nulls()
        holds = in_words(column.dtype, image=column.role == "image")
        holds += ", or nothing" if column.name in nullable else ""
        shown = _cell(frames.shown(cells)) if len(cells) else ""
        lines.append(f"| {_cell(column.name)} | {holds} | {shown} |")
    fitting = list(accumulate(len(line) + 1 for line in lines))
    kept = [line for line, length in zip(lines, fitting, strict=True) if length <= DESCRIPTION_LENGTH]
    if len(kept) < len(lines):
        kept.append(f"| ... and {len(lines) - len(kept)} more | | |")
    target = ", ".join(_cell(name) for name in pipeline.target.columns)
    return f"Predicts {target} from raw rows:\n\n" + "\n".join(kept) + "\n"


def _cell(text: str) -> str:
    """Text that can't break a table."""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return "".join(f"\\{sign}" if sign in "\\|`*_<>[]" else sign for sign in " ".join(short.split()))


def _outputs(pipeline: FittedPipeline) -> list[tuple[str, str]]:
    import polars as pl
    import torch

    from recipeline.serving.bundle import answer_frame

    empty = answer_frame(torch.empty(0, pipeline.target.outputs, dtype=torch.float64), pipeline.target)
    words = {pl.Float64: "double", pl.Int64: "long", pl.Boolean: "boolean"}
    return [(name, words.get(dtype.base_type(), "string")) for name, dtype in empty.schema.items()]


def requirements(distributions: dict[str, str]) -> list[str]:
    """What pip has to install where the model is served: the plugins' distributions, and what they stand on."""
    needed = dict(distributions)
    for name in _PINNED:
        try:
            # A local part such as +cpu names a build that the usual index does not have.
            needed.setdefault(name, version(name).partition("+")[0])
        except PackageNotFoundError:
            continue
    return [f"{name}=={number}" for name, number in sorted(needed.items())]


def check_model(
    model_uri: str,
    rows: pl.DataFrame,
    expected: pl.DataFrame,
    *,
    tracking_uri: str | None = None,
    fresh: interpreters.FreshInterpreter | None = None,
) -> float:
    """Load the model in a fresh interpreter, let it answer raw rows, and compare.

    Args:
        model_uri: From `log_model` or `save_model`.
        rows: Raw rows.
        expected: The trainer's own answers to them.
        tracking_uri: The store that the model is in.
        fresh: The interpreter, if one was started while there was something else to wait for; it is ended here.

    Returns:
        The largest difference between two numbers.

    Raises:
        RecipelineError: it does not load, or answers otherwise.
    """
    with (
        fresh or interpreters.FreshInterpreter() as interpreter,
        tempfile.TemporaryDirectory(prefix="recipeline-check-") as place,
    ):
        folder = Path(place)
        # Between log_model and here it was in the hands of the store, and MLflow runs what a model names.
        download(model_uri, tracking_uri, folder / check.MODEL, code=True)
        rows.write_parquet(folder / check.ROWS)
        expected.write_parquet(folder / check.EXPECTED)
        found = interpreter.ask(folder)
    if found["wrong"] or found["difference"] > TOLERANCE:
        raise RecipelineError(
            Problem(
                "the logged model answers otherwise than the trainer did",
                found=found["wrong"] or f"a difference of {found['difference']:.3g}",
                suggestion="A network or step that is not the same in training and in serving does this.",
            )
        )
    return float(found["difference"])


class _quiet(warnings.catch_warnings):  # noqa: N801 - used like a function
    """Leave out what MLflow warns of while it logs a model, all of it decided here: see `signature`."""

    def __enter__(self) -> None:
        super().__enter__()
        warnings.filterwarnings("ignore", module=r"mlflow\..*")
        warnings.filterwarnings("ignore", message=r".*(type hint|integer column|Any type hint).*")
