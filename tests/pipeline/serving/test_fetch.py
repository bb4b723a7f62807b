"""A logged model is brought here and loaded; one of somebody else's is refused."""

import pytest

from recipeline.errors import EnvironmentFault, UnsafeError
from recipeline.serving.fetch import fetch_model
from recipeline.serving.log import log_model


def test_a_logged_model_answers_here_and_its_folder_is_not_needed_any_more(train, run, tmp_path):
    import shutil

    trained = train("stars")
    uri = log_model(run, trained.bundle, example=trained.rows.head(2))
    predictor = fetch_model(uri, run.tracking_uri, tmp_path / "model")
    shutil.rmtree(tmp_path / "model")
    found = predictor.predict(trained.rows)
    assert set(found["prediction"].to_list()) <= {1, 2, 3}
    assert predictor.trained_on["type"] == "parquet"


def test_a_model_of_another_maker_is_refused(run, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "MLmodel").write_text("flavors: {}\n")
    with pytest.raises(UnsafeError, match="this is no model of recipeline, or somebody has changed it"):
        fetch_model(str(tmp_path / "theirs"), run.tracking_uri, tmp_path / "model")


def test_a_model_that_is_not_there_is_named(run, tmp_path):
    with pytest.raises(EnvironmentFault, match="the model models:/m-1 could not be fetched"):
        fetch_model("models:/m-1", run.tracking_uri, tmp_path / "model")
