"""Bring a logged model here, to predict with it outside MLflow's server."""

from __future__ import annotations

from pathlib import Path

from recipeline.errors import EnvironmentFault, Problem, UsageError
from recipeline.serving.bundle import DESCRIPTION, Predictor
from recipeline.serving.store import as_default
from recipeline.signals import raise_interruption


def fetch_model(model_uri: str, tracking_uri: str, folder: Path) -> Predictor:
    """Download the model into `folder` and load it; the folder isn't needed afterwards.

    Raises:
        EnvironmentFault: the store would not give it.
        UsageError: it is a model that recipeline did not make.
    """
    place = download(model_uri, tracking_uri, folder)
    found = sorted(place.glob(f"artifacts/*/{DESCRIPTION}"))
    if not found:
        raise UsageError(Problem(f"{model_uri} is no model of recipeline", suggestion="Load it with mlflow.pyfunc."))
    return Predictor.load(found[0].parent)


def download(model_uri: str, tracking_uri: str | None, folder: Path) -> Path:
    """Download a model's files into `folder`.

    Args:
        model_uri: From `log_model`.
        tracking_uri: The store that it is in; MLflow's own choice if None.
        folder: Where to; made if need be.

    Raises:
        EnvironmentFault: the store would not give it.
    """
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    with as_default(tracking_uri):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=str(folder)))
        except (MlflowException, OSError) as error:
            raise_interruption(error)
            raise EnvironmentFault(
                Problem(
                    f"the model {model_uri} could not be fetched",
                    found=" ".join(str(error).split())[:300],
                    suggestion="`recipeline doctor` looks at the store.",
                )
            ) from error
