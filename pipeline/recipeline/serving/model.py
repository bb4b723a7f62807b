"""The file that MLflow copies into every logged model and runs to load it: code by name, nothing pickled.

It holds no more than the way into the installed package, because a copy can't be mended afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel

from recipeline.errors import UserError
from recipeline.serving.bundle import Predictor
from recipeline.serving.frames import holes_as_null, to_polars

if TYPE_CHECKING:
    import pandas as pd


class RawRowModel(PythonModel):  # type: ignore[misc]  # mlflow is not typed
    """Raw rows in, as they are in the source; answers in the target's own words out."""

    def load_context(self, context):  # type: ignore[no-untyped-def]  # noqa: D102
        self._predictor = Predictor.load(Path(context.artifacts["bundle"]))

    # Without type hints on purpose: with them MLflow takes `inputs` only, and no other form of request.
    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: D102
        return answer(self._predictor, model_input)


def answer(predictor: Predictor, rows: pd.DataFrame) -> Any:
    """The answers as pandas; what is wrong with the rows becomes an answer of 400 with our words."""
    try:
        frame = holes_as_null(to_polars(rows), predictor.pipeline)
        return predictor.predict(frame).to_pandas()
    except UserError as error:
        raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error


set_model(RawRowModel())
