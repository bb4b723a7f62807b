"""The run's description in Markdown."""

from recipeline.recipe.load import parse
from recipeline.tracking.note import note

TEXT = """
name: census
description: A first try.
data: {source: {type: csv, path: "a|`b`.csv"}, target: [income, tax], task: regression}
architecture: mlp
loss: mse
optimizer: adam
"""
RUN = "0123456789abcdef0123456789abcdef"


def recipe(text=TEXT, **variables):
    return parse(text, "census.yaml", variables=variables).recipe


def test_it_says_what_was_trained_the_result_and_what_to_type():
    text = note(
        recipe(),
        run_id=RUN,
        metrics={"test/rmse": 12.3456789, "best/epoch": 7.0, "time/fit_seconds": 3.0},
        status="FINISHED",
        uri="sqlite:////home/me/my runs/mlflow.db",
        model_uri="models:/m-1",
    )
    assert text.startswith("**census**: A first try.\n")
    assert "`mlp` on `a\\|'b'.csv` predicting `income`, `tax` (regression); loss `mse`, optimizer `adam`" in text
    assert "| metric | value |\n| :-- | --: |\n| test/rmse | 12.3457 |\n| best/epoch | 7 |\n" in text
    assert "time/fit" not in text
    for line in (
        "recipeline predict 01234567 DATA.csv",
        "mlflow models serve -m models:/m-1 --env-manager local -p 5001",
        "recipeline compare 01234567 OTHER_RUN",
    ):
        assert f"\nMLFLOW_TRACKING_URI='sqlite:////home/me/my runs/mlflow.db' {line}\n" in text
    assert "Failed" not in text


def test_a_failed_run_says_what_went_wrong_and_offers_no_model():
    text = note(recipe(), run_id=RUN, metrics={}, status="FAILED", error="DataError: row 7\n```\nis wrong")
    assert "**Failed.**\n\n```text\nDataError: row 7\n'''\nis wrong\n```\n" in text
    assert "serve" not in text
    assert "| metric |" not in text
    assert "**Interrupted.**" in note(recipe(), run_id=RUN, metrics={}, status="KILLED")


def test_a_secret_is_shown_as_it_is_written():
    secret = recipe(TEXT.replace('"a|`b`.csv"', '"${env:WHERE}/a.csv"'), WHERE="/hidden")
    text = note(secret, run_id=RUN, metrics={}, status="FAILED", error="no file /hidden/a.csv")
    assert "/hidden" not in text
    assert "no file ${env:WHERE}/a.csv" in text


def test_the_stores_password_is_not_told():
    text = note(
        recipe(), run_id=RUN, metrics={}, status="FINISHED", uri="https://me:secret@host", model_uri="models:/m"
    )
    assert "secret" not in text
    assert "MLFLOW_TRACKING_URI='https://me:***@host' mlflow models serve" in text
