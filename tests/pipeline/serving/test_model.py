"""The file that MLflow runs: nothing but the way into the package."""

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ErrorCode

from recipeline.serving.bundle import Predictor


@pytest.fixture
def model(train, recwarn):
    from recipeline.serving.model import RawRowModel

    class Context:
        artifacts = {"bundle": str(train("grade").bundle)}  # noqa: RUF012

    loaded = RawRowModel()
    loaded.load_context(Context())
    assert not recwarn.list, "MLflow asks for other type hints"
    return loaded


def test_it_answers_as_the_predictor_does(model, train):
    rows = train("grade").rows
    found = model.predict(None, rows.to_pandas())
    expected = Predictor.load(train("grade").bundle).predict(rows)
    assert found["prediction"].tolist() == expected["prediction"].to_list()


def test_a_mistake_in_the_rows_becomes_a_bad_request_with_our_words(model):
    with pytest.raises(MlflowException, match="column 'size': this column is missing") as raised:
        model.predict(None, pd.DataFrame({"year": [2001]}))
    assert raised.value.error_code == ErrorCode.Name(ErrorCode.Value("INVALID_PARAMETER_VALUE"))
    assert raised.value.get_http_status_code() == 400
