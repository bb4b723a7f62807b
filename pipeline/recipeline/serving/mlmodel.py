"""What a logged model's MLmodel says, looked at before anything of it is believed.

MLmodel is text that MLflow goes by when it loads a model: it names the module that is imported, folders that are put
on Python's path, files that are unpickled. Whoever can write to the store can change it. Ours always says the same,
so anything else in these places is refused, by commands that read the model by themselves too: the next one who
serves it with MLflow would run it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from recipeline.errors import EnvironmentFault, Problem, RecipeError, UnsafeError
from recipeline.recipe.node import shown
from recipeline.recipe.read import MAX_BYTES, decode, read
from recipeline.storage.plain import read_plain

FILE = "MLmodel"
FLAVOR = "python_function"
CODE = "model.py"
"""The file of code in a logged model: a copy of ours."""
BUNDLE = "bundle"
"""What the model calls the folder with its weights and description."""

OURS: dict[str, Any] = {"loader_module": "mlflow.pyfunc.loaders.code_model", "code": None, "streamable": False}
"""What stands in the flavor, word by word."""
FREE = frozenset({"python_version", "cloudpickle_version"})
"""What is only text to MLflow while it loads."""
_ENVIRONMENT = {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
_PLACE = re.compile(r"artifacts/[A-Za-z0-9_-][A-Za-z0-9_.-]{0,200}")


def bundle_place(folder: Path) -> str:
    """Where in a logged model its bundle is, such as `artifacts/model`.

    Raises:
        UnsafeError: MLmodel would have MLflow do something else than to load a model of recipeline.
        EnvironmentFault: there is none, or it can't be read.
    """
    path = folder / FILE
    try:
        content = read_plain(path, MAX_BYTES)
    except OSError as error:
        raise EnvironmentFault(
            Problem("the model's MLmodel can't be read", file=str(path), found=error.strerror or str(error))
        ) from error
    try:
        said = read(decode(content, str(path)), str(path)).plain()
    except RecipeError as error:
        first = error.problems[0]
        raise UnsafeError(
            Problem(
                "this is no model of recipeline, or somebody has changed it: its MLmodel is not what MLflow writes",
                file=str(path),
                line=first.line,
                column=first.column,
                found=first.message,
                suggestion=ADVICE,
            )
        ) from error
    flavors = said.get("flavors")
    if not isinstance(flavors, dict) or set(flavors) != {FLAVOR} or not isinstance(flavors[FLAVOR], dict):
        names = ", ".join(sorted(flavors)) if isinstance(flavors, dict) else flavors
        raise _refused(path, "flavors", names or "none", f"Just {FLAVOR} stands there.")
    return _place(path, flavors[FLAVOR])


def _place(path: Path, flavor: dict[str, Any]) -> str:
    """The bundle's place, all else in the flavor being what it always is."""
    for key, value in flavor.items():
        where = f"flavors.{FLAVOR}.{key}"
        if key in OURS:
            if value != OURS[key] or type(value) is not type(OURS[key]):
                raise _refused(path, where, value, f"Models of recipeline have {shown(OURS[key])} there.")
        elif key == "env":
            if value not in (_ENVIRONMENT, None):
                raise _refused(path, where, value, "Models of recipeline have conda.yaml and python_env.yaml there.")
        elif key == "model_code_path":
            if not isinstance(value, str) or re.split(r"[/\\]", value)[-1] != CODE:
                raise _refused(path, where, value, f"Models of recipeline have the path of {CODE} there.")
        elif key in FREE:
            if not isinstance(value, str | float):
                raise _refused(path, where, value, "A version stands there.")
        elif key != "artifacts":
            raise _refused(path, where, value, "Models of recipeline have no such setting.")
    for key in ("loader_module", "model_code_path"):
        if key not in flavor:
            raise _refused(path, f"flavors.{FLAVOR}", f"no {key}", "Models of recipeline have one.")
    artifacts = flavor.get("artifacts")
    named = artifacts.get(BUNDLE) if isinstance(artifacts, dict) else None
    place = named.get("path") if isinstance(named, dict) else None
    if not isinstance(artifacts, dict) or set(artifacts) != {BUNDLE} or not isinstance(place, str):
        raise _refused(path, f"flavors.{FLAVOR}.artifacts", artifacts, f"Just `{BUNDLE}` with its path stands there.")
    if not _PLACE.fullmatch(place):
        raise _refused(path, f"flavors.{FLAVOR}.artifacts.{BUNDLE}.path", place, "It is a folder right in artifacts/.")
    return place


def same_code(folder: Path) -> None:
    """See that the code in a logged model is the one that is installed here, before MLflow runs it.

    Raises:
        UnsafeError: it is not.
    """
    ours = Path(__file__).with_name(CODE).read_bytes()
    path = folder / CODE
    try:
        found = read_plain(path, MAX_BYTES)
    except OSError as error:
        raise EnvironmentFault(
            Problem("the model's code can't be read", file=str(path), found=error.strerror or str(error))
        ) from error
    if found != ours:
        raise UnsafeError(
            Problem("the model's code is not that of the recipeline that is installed here", file=str(path))
        )


ADVICE = "Don't serve it; take a copy that you trust, or train the model again."


def _refused(path: Path, where: str, found: Any, right: str) -> UnsafeError:
    said = shown(found)
    return UnsafeError(
        Problem(
            "this is no model of recipeline, or somebody has changed it: MLflow would load something else",
            file=str(path),
            path=where,
            found=said,
            suggestion=f"{right} {ADVICE}",
        )
    )
