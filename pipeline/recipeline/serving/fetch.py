"""Bring a logged model here, by name the few files that it has, and verified before anything of it is used."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from recipeline.errors import EnvironmentFault, Problem
from recipeline.serving import mlmodel
from recipeline.serving.bundle import FILES, Predictor, verify_bundle
from recipeline.serving.store import as_default
from recipeline.signals import raise_interruption
from recipeline.storage.plain import open_plain
from recipeline.storage.sealed import MANIFEST


def fetch_model(model_uri: str, tracking_uri: str, folder: Path) -> Predictor:
    """Download the model into `folder` and load it; the folder isn't needed afterwards.

    Raises:
        EnvironmentFault: the store would not give it, or it is damaged.
        UnsafeError: it is no model of recipeline, or was changed such that MLflow would run something else.
    """
    return Predictor.load(download(model_uri, tracking_uri, folder))


def download(model_uri: str, tracking_uri: str | None, folder: Path, *, code: bool = False) -> Path:
    """Download a model's MLmodel and bundle into `folder`, and verify them.

    Each file is asked for by its name, so that what else lies there, or a listing says, does not matter.

    Args:
        model_uri: From `log_model`.
        tracking_uri: The store that it is in; MLflow's own choice if None.
        folder: Where to; made if need be.
        code: Bring the file of code too, which must be the one that is installed here.

    Returns:
        The bundle's folder.

    Raises:
        EnvironmentFault: the store would not give it, or it is damaged.
        UnsafeError: it is no model of recipeline, or was changed such that MLflow would run something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with as_default(tracking_uri), _faults(model_uri):
        store = _Files(model_uri)
        store.bring(mlmodel.FILE, folder)
    place = mlmodel.bundle_place(folder)
    with as_default(tracking_uri), _faults(model_uri):
        for name in (MANIFEST, *FILES):
            store.bring(f"{place}/{name}", folder)
        if code:
            store.bring(mlmodel.CODE, folder)
    if code:
        mlmodel.same_code(folder)
    verify_bundle(folder / place)
    return folder / place


class _Files:
    """A logged model's files in its store."""

    def __init__(self, model_uri: str) -> None:
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

        found: Any = get_artifact_repository(_resolved(model_uri))
        self.repository = found
        while hasattr(found, "repo"):
            found = found.repo
        self.folder = Path(found.artifact_dir) if isinstance(found, LocalArtifactRepository) else None

    def bring(self, name: str, folder: Path) -> None:
        """Bring one file, to the same place below `folder`."""
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if self.folder is None:
            self.repository.download_artifacts(name, str(folder))
            return
        # MLflow would follow links, and wait for pipes.
        with open_plain(self.folder / name) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)


def _resolved(model_uri: str) -> str:
    """The model's own address in place of `runs:/ID/NAME`, under which MLflow mixes it with what the run has there."""
    if not model_uri.startswith("runs:/"):
        return model_uri
    import mlflow

    run_id, _, name = model_uri.removeprefix("runs:/").partition("/")
    client = mlflow.MlflowClient()
    outputs = client.get_run(run_id).outputs
    for output in reversed(outputs.model_outputs if outputs else []):
        if client.get_logged_model(output.model_id).name == name:
            return f"models:/{output.model_id}"
    return model_uri


@contextmanager
def _faults(model_uri: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except (MlflowException, OSError) as error:
        raise_interruption(error)
        raise EnvironmentFault(
            Problem(
                f"the model {model_uri} could not be fetched",
                found=" ".join(str(error).split())[:300],
                suggestion="`recipeline doctor` looks at the store.",
            )
        ) from error
