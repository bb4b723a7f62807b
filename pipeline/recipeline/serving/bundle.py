"""A trained model as two files that no program has to be run for: weights in safetensors, everything else in JSON.

    weights.safetensors    the network's state
    model.json             the network's plugins and settings, the fitted steps, the classes, what must be installed
    manifest.json          the length and sha256 of both

The network is built again from its plugins, by name, so that loading a model can only run what is installed. Nothing
is looked up or imported before both files are what the manifest says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from recipeline import __version__, secrecy
from recipeline.catalog import Catalog, installed
from recipeline.data import arrays
from recipeline.data.pipeline import FittedPipeline
from recipeline.errors import EnvironmentFault, Problem, RecipeError, UnsafeError, UsageError
from recipeline.families.architecture import Architecture
from recipeline.families.loss import Loss
from recipeline.families.plugin import Plugin, with_nested
from recipeline.families.regularization import Regularization
from recipeline.families.spec import TargetSpec
from recipeline.recipe.model import Recipe
from recipeline.recipe.node import shown
from recipeline.storage.atomic import write_bytes, write_text
from recipeline.storage.plain import read_plain, strict_json
from recipeline.storage.sealed import MANIFEST, Damaged, seal, verify

if TYPE_CHECKING:
    import polars as pl
    import torch
    from torch import nn

FORMAT = 1
WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"
FILES = (DESCRIPTION, WEIGHTS)
"""What a bundle has beside its manifest."""
LARGEST_DESCRIPTION = 1_000_000_000
"""Bytes of a description that are read at most: vocabularies stand in it."""
PREDICTION = "prediction"
PROBABILITY = "probability"

P = TypeVar("P", bound=Plugin)


def write_bundle(
    folder: Path,
    *,
    network: nn.Module,
    recipe: Recipe,
    pipeline: FittedPipeline,
    batch_size: int,
    catalog: Catalog | None = None,
) -> None:
    """Save a trained network with all that it takes to answer raw rows.

    Args:
        folder: Where to; made if need be.
        network: As `network.build_network` made it, trained.
        recipe: What it was made from.
        pipeline: The fitted steps.
        batch_size: Rows in a batch when it answers: the same batches give the very same numbers.
        catalog: Where the recipe's plugins come from.
    """
    from safetensors.torch import save

    catalog = catalog or installed()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)  # of a run that was resumed: it speaks of other files
    write_bytes(folder / WEIGHTS, save(_weights(network)))
    loss = _needed_loss(recipe)
    architecture, rewrites = recipe.architecture.plain()
    regularization = [*rewrites, *recipe.regularization]
    description = {
        "format": FORMAT,
        "recipeline": __version__,
        "name": recipe.name,
        "architecture": architecture.as_recipe(),
        "regularization": [plugin.as_recipe() for plugin in regularization],
        "loss": None if loss is None else loss.as_recipe(),
        "source": secrecy.hide_in(
            {key: value for key, value in recipe.data.source.as_recipe().items() if key != "path"}
        ),
        "pipeline": pipeline.to_json(),
        "batch_size": batch_size,
        "requirements": _distributions(recipe, pipeline, catalog),
    }
    write_text(folder / DESCRIPTION, json.dumps(description, ensure_ascii=False, allow_nan=False) + "\n")
    seal(folder, {}, times=False)


def _needed_loss(recipe: Recipe) -> Loss | None:
    """The loss, if it decides how many outputs the network has or what they mean; others are of training only."""
    loss = recipe.loss
    if loss is None or (type(loss).outputs is Loss.outputs and type(loss).link is Loss.link):
        return None
    return loss


def _weights(network: nn.Module) -> dict[str, torch.Tensor]:
    """The network's state, each tensor with memory of its own."""
    import torch

    weights = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, torch.Tensor):
            raise UsageError(
                Problem(
                    f"the network keeps '{name}' in its state, which is no tensor",
                    found=type(value).__name__,
                    suggestion="A model is saved without pickle: keep it as a tensor, or build it from the settings.",
                )
            )
        weights[name] = value.detach().cpu().contiguous().clone()
    return weights


def _distributions(recipe: Recipe, pipeline: FittedPipeline, catalog: Catalog) -> dict[str, str]:
    """The distributions, with versions, whose plugins it takes to answer, and the packages that these name."""
    steps = [step.plugin for step in (*pipeline.steps, *pipeline.target_steps)]
    found = {"recipeline": __version__}
    loss = _needed_loss(recipe)
    architecture, rewrites = recipe.architecture.plain()
    network = [architecture, *rewrites, *recipe.regularization]
    plugins = [*network, *([] if loss is None else with_nested(loss)), *steps]
    for plugin in plugins:
        try:
            entry = catalog.owner(plugin)
        except UsageError:
            where = type(plugin)
            raise UsageError(
                Problem(
                    f"the {plugin.family} '{plugin.plugin_name}' ({where.__module__}:{where.__qualname__}) is not "
                    "installed, so nobody could load the model",
                    suggestion="Put it in a package with an entry point: recipeline plugins new NAME.",
                )
            ) from None
        found[entry.distribution] = entry.version
    for plugin in (*plugins, recipe.data.source):
        for name in sorted(plugin.needed_packages()):
            found.setdefault(name, _installed_version(name, plugin))
    return found


def _installed_version(name: str, plugin: Plugin) -> str:
    try:
        # A local part such as +cpu names a build that the usual index does not have.
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        raise EnvironmentFault(
            Problem(
                f"the {plugin.family} '{plugin.plugin_name}' needs the package {name} where the model serves, and it "
                "is not installed here",
                suggestion=f"Install it: pip install {name}",
            )
        ) from None


def verify_bundle(folder: Path) -> None:
    """See that a bundle is what was written: its two files and no other, each a file of its own with its sha256.

    Raises:
        EnvironmentFault: it is not; the message names the file.
    """
    try:
        verify(folder, only=frozenset(FILES))
    except (Damaged, OSError) as error:
        reason = error.reason if isinstance(error, Damaged) else error.strerror or str(error)
        raise EnvironmentFault(
            Problem(
                f"the model is damaged, or was changed: {reason}",
                file=str(folder),
                suggestion="Take another copy of it, or train it again.",
            )
        ) from error


def read_description(folder: Path) -> dict[str, Any]:
    """What `model.json` says, once the bundle is verified.

    Raises:
        EnvironmentFault: it is missing or damaged.
        UsageError: another version wrote it.
    """
    verify_bundle(folder)
    try:
        found = strict_json(read_plain(folder / DESCRIPTION, LARGEST_DESCRIPTION))
        version = found["format"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_description(folder, error) from error
    if version != FORMAT or type(version) is not int:
        raise UsageError(
            Problem(
                f"the model has format {shown(version)}, this version of recipeline reads {FORMAT}",
                suggestion=f"It was written by recipeline {shown(found.get('recipeline'))}: install that version.",
            )
        )
    return dict(found)


def read_parts(said: Mapping[str, Any], catalog: Catalog, folder: Path) -> tuple[Recipe, FittedPipeline]:
    """What a description names: a recipe of the parts that shape the network, no others, and the fitted steps.

    A model is served where the training's data source may not exist.

    Raises:
        RecipeError: a plugin isn't installed; the message says which distribution brings it.
        EnvironmentFault: what it says is no model.
    """
    needed: dict[str, str] = {}
    try:
        needed = {str(name): str(number) for name, number in said["requirements"].items()}
        parts: dict[str, Any] = {
            "architecture": _plugin(Architecture, said["architecture"], catalog),
            "regularization": [_plugin(Regularization, each, catalog) for each in said["regularization"]],
            "loss": None if said.get("loss") is None else _plugin(Loss, said["loss"], catalog),
        }
        if type(said["batch_size"]) is not int or said["batch_size"] < 1 or not isinstance(said["source"], dict):
            raise ValueError("batch_size is a positive number and source a mapping")
        return Recipe.model_construct(**parts), FittedPipeline.from_json(said["pipeline"], catalog)
    except RecipeError as error:
        raise RecipeError(*error.problems, *([_needed(needed)] if needed else [])) from error
    except _ODD as error:
        raise _no_description(folder, error) from error


_ODD = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What reading a value as something that it is not can raise; pydantic's own errors are ValueErrors."""


def _no_description(folder: Path, error: Exception) -> EnvironmentFault:
    words = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
    return EnvironmentFault(
        Problem(
            "the model's description can't be read",
            file=str(folder / DESCRIPTION),
            found=f"{words[:200]}",
            suggestion="Take another copy of the model, or train it again.",
        )
    )


def rebuild(recipe: Recipe, pipeline: FittedPipeline, weights: Mapping[str, torch.Tensor], folder: Path) -> nn.Module:
    """The network that a bundle describes, with its weights, as it answers.

    Raises:
        EnvironmentFault: description and weights don't fit each other.
        UnsafeError: the description asks for a far larger network than the weights are.
    """
    import torch

    from recipeline.network import build_network, for_answers
    from recipeline.serving.budget import Budget, TooLarge

    size = sum(tensor.nbytes for tensor in weights.values())
    try:
        with torch.random.fork_rng(devices=[]), Budget(size, len(weights)):  # first weights are drawn and thrown away
            network = build_network(recipe, pipeline.inputs, pipeline.target)
            network.load_state_dict(weights, strict=True, assign=True)
            return for_answers(network.eval(), pipeline.inputs, pipeline.target)
    except TooLarge as error:
        raise UnsafeError(
            Problem(
                "the model's description asks for a larger network than its weights are",
                file=str(folder / DESCRIPTION),
                found=f"{error} beside {size:,} bytes of weights",
                suggestion="Don't use it; take a copy that you trust, or train the model again.",
            )
        ) from error
    except (RuntimeError, MemoryError, *_ODD) as error:
        raise EnvironmentFault(
            Problem(
                "the model's weights don't fit its description",
                file=str(folder / WEIGHTS),
                found=" ".join(str(error).split())[:300],
                suggestion="Take another copy of the model, or train it again.",
            )
        ) from error


class Predictor:
    """A model loaded from its bundle: raw rows in, answers in the target's own words out."""

    def __init__(
        self,
        network: nn.Module,
        pipeline: FittedPipeline,
        batch_size: int,
        trained_on: dict[str, Any] | None = None,
        loss: Loss | None = None,
    ) -> None:
        self.network = network.eval()
        self.pipeline = pipeline
        self.batch_size = batch_size
        self.trained_on = trained_on or {}
        """The training's source as in a recipe, without its path."""
        self.loss = loss
        """The loss, where it says what the network's outputs mean."""

    @classmethod
    def load(cls, folder: Path, catalog: Catalog | None = None) -> Predictor:
        """Build the network again and give it its weights.

        Raises:
            EnvironmentFault: the files are damaged, or don't fit each other.
            RecipeError: a plugin isn't installed; the message says which distribution brings it.
        """
        catalog = catalog or installed()
        said = read_description(folder)
        recipe, pipeline = read_parts(said, catalog, folder)
        network = rebuild(recipe, pipeline, read_weights(folder), folder)
        return cls(network, pipeline, said["batch_size"], said["source"], recipe.loss)

    def at(self, location: str) -> Predictor:
        """This predictor, calling the rows by this name in errors."""
        return Predictor(self.network, self.pipeline.at(location), self.batch_size, self.trained_on, self.loss)

    def predict(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Answers for raw rows, in their order. Columns that the model doesn't know are ignored.

        Raises:
            DataError: a column isn't there, or a cell can't be what it should be; row and column are named.
        """
        import torch

        from recipeline.network import answers

        # Everything is checked before anything is answered, and decoded a batch at a time: images are large.
        rows = self.pipeline.typed(frame)
        step = self.batch_size if self.holds_arrays else max(1, rows.height)
        found = []
        for start in range(0, max(1, rows.height), step):
            part = rows.slice(start, step)
            numbers = np.arange(start, start + part.height)
            blocks = self.pipeline.blocks(self.pipeline.features(part), numbers)
            found.append(answers(self.network, blocks, self.pipeline, self.pipeline.target, self.batch_size, self.loss))
        return answer_frame(torch.cat(found), self.pipeline.target)

    @property
    def holds_arrays(self) -> bool:
        """Whether the model takes images, texts or series."""
        return any(kind in arrays.KINDS.values() for kind in self.pipeline.accepts)


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The network's state, by name.

    Raises:
        EnvironmentFault: the file is not what was written.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = folder / WEIGHTS
    try:
        found: dict[str, torch.Tensor] = load(read_plain(path))
    except (OSError, SafetensorError, RuntimeError, MemoryError, *_ODD) as error:
        raise EnvironmentFault(
            Problem("the model's weights can't be read", file=str(path), found=" ".join(str(error).split())[:200])
        ) from error
    return found


def _needed(requirements: Mapping[str, str]) -> Problem:
    """What a model was made with, and what of that is not here."""
    lacking = []
    for name, number in requirements.items():
        try:
            if version(name) != number:
                lacking.append(f"{name}=={number}")
        except PackageNotFoundError:
            lacking.append(f"{name}=={number}")
    needs = ", ".join(f"{name}=={number}" for name, number in sorted(requirements.items()))
    advice = f"Install what is not here: pip install {' '.join(sorted(lacking))}" if lacking else None
    return Problem(f"the model was made with {needs}", suggestion=advice)


def _plugin(family: type[P], written: dict[str, Any], catalog: Catalog) -> P:
    settings = {key: value for key, value in written.items() if key != "type"}
    if not isinstance(written["type"], str):
        raise TypeError(f"the {family.family}'s type is no name")
    return catalog.find(family, written["type"]).model_validate_json(json.dumps(settings))


def answer_frame(found: torch.Tensor, target: TargetSpec) -> pl.DataFrame:
    """Answers as a table.

    Args:
        found: From `network.answers`: probabilities (rows, classes), values (rows, targets), or sequences.
        target: What was predicted.

    Returns:
        A regression's `prediction`, or `prediction_<target>` each where there are several. For classes the
        `prediction` in the source's own words and `probability_<class>` each. For labels `prediction_<label>`, 0 or
        1, and `probability_<label>` each. A sequence's `prediction` as text, and the `probability` of this very text.
    """
    import polars as pl

    values = found.numpy()
    if target.task == "sequence":
        texts = [target.text(codes) for codes in values[:, 1:].astype(np.int64).tolist()]
        return pl.DataFrame({PREDICTION: pl.Series(texts, dtype=pl.String), PROBABILITY: np.exp(values[:, 0])})
    if not target.classes:
        names = [PREDICTION] if len(target.columns) == 1 else [f"{PREDICTION}_{name}" for name in target.columns]
        return pl.DataFrame({name: values[:, column] for column, name in enumerate(names)})
    labels = [_word(label) for label in target.classes]
    probabilities = {f"{PROBABILITY}_{label}": values[:, column] for column, label in enumerate(labels)}
    if target.task == "multilabel":
        decided = {f"{PREDICTION}_{label}": values[:, c] >= 0.5 for c, label in enumerate(labels)}
        return pl.DataFrame(decided | probabilities).with_columns(pl.col(list(decided)).cast(pl.Int64))
    words = pl.Series(_own_type(target.classes))
    chosen = words.gather(values.argmax(axis=1)) if len(values) else words.clear()
    return pl.DataFrame([chosen.alias(PREDICTION)]).with_columns(
        **{name: pl.Series(column) for name, column in probabilities.items()}
    )


def _own_type(classes: Sequence[Any]) -> Sequence[Any]:
    """The classes, all of one type: a source's column has one, and words are the widest."""
    one = len({type(each) for each in classes}) == 1 and isinstance(classes[0], bool | int | float | str)
    return list(classes) if one else [_word(each) for each in classes]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
