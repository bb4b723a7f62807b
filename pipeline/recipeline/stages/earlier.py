"""Bring the earlier model that an architecture starts from, before anything is made of the data."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline.catalog import Catalog
from recipeline.errors import Problem, RecipeError, UserError
from recipeline.families.continued import Continued
from recipeline.recipe.model import Recipe

if TYPE_CHECKING:
    from recipeline.families.continued import EarlierModel


def with_earlier(recipe: Recipe, catalog: Catalog) -> Recipe:
    """The recipe, its architecture with the earlier model that it names; as it is where it names none.

    Raises:
        RecipeError: there is no such run, model or folder, or it isn't the one that the recipe means.
        EnvironmentFault: the store would not give it, or it is damaged.
        UnsafeError: a file of it lies outside of its folder.
    """
    architecture = recipe.architecture
    if not isinstance(architecture, Continued) or architecture.earlier is not None:
        return recipe
    earlier = _bring(architecture, recipe.tracking.uri, catalog)
    if architecture.sha256 not in (None, earlier.sha256):
        raise RecipeError(
            Problem(
                f"the model of {earlier.location} is not the one that the recipe was made for",
                path="architecture.sha256",
                found=earlier.sha256,
                suggestion="Bring that one back, or leave sha256 out to take this one.",
            )
        )
    return recipe.model_copy(update={"architecture": architecture.going_on_from(earlier)})


def _bring(architecture: Continued, uri: str | None, catalog: Catalog) -> EarlierModel:
    from recipeline.serving.earlier import read_earlier

    if architecture.folder is not None:
        return read_earlier(_folder(architecture), architecture.folder, catalog=catalog)

    from recipeline.serving.fetch import download
    from recipeline.tracking.find import find_run
    from recipeline.tracking.store import prepare_environment, tracking_uri

    prepare_environment()
    store, run_id = tracking_uri(uri), None
    if architecture.run is not None:
        try:
            found = find_run(architecture.run, store)
        except UserError as error:
            raise RecipeError(*(_at("architecture.run", problem) for problem in error.problems)) from error
        if found.model_uri is None:
            raise RecipeError(
                Problem(
                    f"the run {found.run_id} ({found.name}) has no model to start from",
                    path="architecture.run",
                    found=found.status,
                    suggestion="Only a finished run has one. A run of this name is this one, too: name the id.",
                )
            )
        model, location, run_id = found.model_uri, f"run {found.run_id} ({found.name})", found.run_id
    else:
        assert architecture.model is not None
        if not architecture.model.startswith(("models:/", "runs:/")):
            raise RecipeError(
                Problem(
                    "this is no model's URI",
                    path="architecture.model",
                    found=architecture.model,
                    suggestion="Write models:/NAME/VERSION, models:/ID or runs:/ID/model; a folder is named by folder.",
                )
            )
        model = location = architecture.model
    with tempfile.TemporaryDirectory(prefix="recipeline-earlier-") as place:
        return read_earlier(download(model, store, Path(place)), location, run_id=run_id, catalog=catalog)


def _folder(architecture: Continued) -> Path:
    places = architecture.places()
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        looked = " and ".join(f"'{place}'" for place in places)
        raise RecipeError(
            Problem(
                f"there is no folder '{architecture.folder}'",
                path="architecture.folder",
                suggestion=f"Looked at {looked}: a relative path starts at the recipe's folder, then at the working "
                "folder.",
            )
        )
    return found


def _at(path: str, problem: Problem) -> Problem:
    return Problem(problem.message, path=path, found=problem.found, suggestion=problem.suggestion)
