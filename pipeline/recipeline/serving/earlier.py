"""Read a model that recipeline has made, for another training to start from: data alone, nothing in it is run."""

from __future__ import annotations

import hashlib
from pathlib import Path

from recipeline.catalog import Catalog, installed
from recipeline.errors import Problem, RecipeError, UnsafeError
from recipeline.families.continued import EarlierModel, EarlierStep
from recipeline.families.regularization import Regularization
from recipeline.serving import mlmodel
from recipeline.serving.bundle import DESCRIPTION, WEIGHTS, read_description, read_parts, read_weights, rebuild
from recipeline.storage.plain import read_plain

SHOWN_AT = ("", "artifacts/*/", "*/artifacts/*/")
"""Where a folder has the two files: a bundle, a model of MLflow, and the folder of a run that kept its model."""


def read_earlier(
    folder: Path, location: str, *, run_id: str | None = None, catalog: Catalog | None = None
) -> EarlierModel:
    """The model in a folder.

    Args:
        folder: A bundle, or a folder that MLflow keeps a model in.
        location: What errors and tags call it.
        run_id: The run that made it.
        catalog: Where its plugins come from.

    Raises:
        RecipeError: there is no such model in the folder, or one of its plugins isn't installed.
        UnsafeError: a file of it lies outside of the folder.
        EnvironmentFault: a file is damaged.
    """
    from recipeline.network import outputs_of

    place = _bundle(folder, location)
    said = read_description(place)
    recipe, pipeline = read_parts(said, catalog or installed(), place)
    weights = read_weights(place)
    rebuild(recipe, pipeline, weights, place)  # before the training builds one like it, whatever size it asks for
    rewrites = [each for each in recipe.regularization if type(each).rewrite is not Regularization.rewrite]
    digest = hashlib.sha256()
    for name in (WEIGHTS, DESCRIPTION):
        digest.update(read_plain(place / name))
    return EarlierModel(
        location=location,
        sha256=digest.hexdigest(),
        architecture=recipe.architecture,
        rewrites=tuple(rewrites),
        inputs=pipeline.inputs,
        target=pipeline.target,
        outputs=outputs_of(recipe.loss, pipeline.target),
        weights=weights,
        steps=tuple(EarlierStep(step.plugin, step.columns, step.state) for step in pipeline.steps),
        run_id=run_id,
    )


def _bundle(folder: Path, location: str) -> Path:
    """Where in the folder the two files are, neither of them a way out of it."""
    found = sorted(path.parent for start in SHOWN_AT for path in folder.glob(f"{start}{DESCRIPTION}"))
    whole = [place for place in found if (place / WEIGHTS).is_file()]
    if not whole:
        pickled = [path.name for end in ("*.pt", "*.pth", "*.pkl", "*.bin", "*.ckpt") for path in folder.rglob(end)]
        advice = "Name what recipeline has logged or saved, as `mlflow artifacts download` brings it."
        if pickled:
            advice += f" {pickled[0]} is not read: such a file can run anything."
        raise RecipeError(
            Problem(
                f"there is no model of recipeline in it: {WEIGHTS} and {DESCRIPTION}",
                path="architecture",
                found=location,
                suggestion=advice,
            )
        )
    around = whole[0].parent.parent
    if whole[0].parent.name == "artifacts" and (around / mlmodel.FILE).exists():
        mlmodel.bundle_place(around)
    root = folder.resolve()
    for name in (WEIGHTS, DESCRIPTION):
        if not (whole[0] / name).resolve().is_relative_to(root):
            raise UnsafeError(
                Problem(
                    "a file of the model is a link to a place outside of its folder",
                    path="architecture.folder",
                    file=str(whole[0] / name),
                    suggestion="Put the file itself into the folder.",
                )
            )
    return whole[0]
