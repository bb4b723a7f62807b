"""MLflow's global functions, pointed at one store for a while: logging and loading models know no other way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def as_default(uri: str | None) -> Iterator[None]:
    """Make this store the one that MLflow's global functions use, and leave everything as it was afterwards.

    None changes nothing.
    """
    if uri is None:
        yield
        return
    import mlflow
    from mlflow.tracking._tracking_service import utils

    variable, setting = os.environ.get("MLFLOW_TRACKING_URI"), getattr(utils, "_tracking_uri", None)
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        # set_tracking_uri writes the environment variable too, which the next run of this process would obey.
        mlflow.set_tracking_uri(setting)
        if variable is None:
            os.environ.pop("MLFLOW_TRACKING_URI", None)
        else:
            os.environ["MLFLOW_TRACKING_URI"] = variable
