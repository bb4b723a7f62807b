"""The file that MLflow copies into every logged model and runs to load it: code by name, nothing pickled.

It holds no more than the way into the installed package, because a copy can't be mended afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel

from recipeline.errors import UserError
from recipeline.serving.bundle import Predictor
from recipeline.serving.csv_requests import accept_csv
from recipeline.serving.frames import request_rows


class RawRowModel(PythonModel):  # type: ignore[misc]  # mlflow is not typed
    """Raw rows in, as they are in the source; answers in the target's own words out."""

    # MLflow calls this by keyword, and looks at the names.
    def load_context(self, context: Any) -> None:
        """Load the bundle that was logged beside this file."""
        self.predictor = Predictor.load(Path(context.artifacts["bundle"]))
        accept_csv()

    # With this one hint MLflow keeps the signature that it was given and takes every form of request; with none it
    # warns, with any other it makes up a signature of its own.
    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """The answers, a row each under the same index; what is wrong with the rows becomes a 400 with our words."""
        try:
            answers = self.predictor.predict(request_rows(model_input, self.predictor.pipeline)).to_pandas()
        except UserError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error
        # So that `rows["answer"] = model.predict(rows)["prediction"]` is right for rows picked out of others.
        return answers.set_axis(model_input.index) if len(answers) == len(model_input) else answers


set_model(RawRowModel())
