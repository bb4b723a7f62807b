"""An architecture that starts from an earlier model gets it: by run, by URI or from a folder, pinned by its digest."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch

import recipeline
from recipeline.catalog import installed
from recipeline.errors import RecipeError
from recipeline.hooks import RunContext
from recipeline.recipe.load import parse
from recipeline.recipe.model import Recipe
from recipeline.serving.bundle import Predictor
from recipeline.serving.fetch import download, fetch_model
from recipeline.stages import read
from recipeline.stages.earlier import with_earlier
from recipeline.stages.job import Job
from recipeline.tracking.find import FoundRun, fetch_artifact, find_run
from recipeline.training.memo import new_memo, read_memo
from recipeline.training.observer import Observer

BASE = """
name: shades
seed: 3
data:
  {source: {type: csv, path: SHOPS}, target: sort, columns: {late: ignore}}
architecture: {type: mlp, hidden: [6, 5], normalization: batch}
training: {epochs: 2, batch_size: 16, threads: 1}
metrics: [accuracy]
reports: []
"""


def again(architecture: str, target: str = "sort") -> str:
    """The recipe of a second training, of the same features."""
    return (
        BASE.replace("name: shades", "name: again")
        .replace("{type: mlp, hidden: [6, 5], normalization: batch}", f"{{type: pretrained, {architecture}}}")
        .replace(
            "target: sort, columns: {late", f"target: {target}, columns: {{{'late' if target == 'sort' else 'sort'}"
        )
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with rows and with one finished run."""
    folder = tmp_path_factory.mktemp("earlier")
    numbers = range(160)
    pl.DataFrame(
        {
            "size": [n * 0.37 - 5 for n in numbers],
            "town": [("Oslo", "Rome", "Bern")[n % 3] for n in numbers],
            "sort": [("good", "bad", "ugly")[n % 3] for n in numbers],
            "late": [n % 2 == 0 for n in numbers],
        }
    ).write_csv(folder / "shops.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        run(folder, BASE)
    return folder


def run(place: Path, text: str) -> recipeline.RunResult:
    return recipeline.run(parse(text.replace("SHOPS", str(place / "shops.csv")), "again.yaml").recipe)


@pytest.fixture
def recipe(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Recipe]:
    monkeypatch.chdir(place)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return lambda text: parse(text.replace("SHOPS", str(place / "shops.csv")), "again.yaml").recipe


@pytest.fixture
def base(recipe: Callable[[str], Recipe], place: Path) -> FoundRun:
    return find_run("shades", f"sqlite:///{place / 'mlflow.db'}")


def brought(found: Recipe) -> Recipe:
    return with_earlier(found, installed())


def test_a_run_is_found_by_name_and_pinned_by_id_and_digest(recipe, base):
    architecture = brought(recipe(again("run: shades"))).architecture
    assert architecture.earlier.run_id == architecture.run == base.run_id
    assert architecture.earlier.location == f"run {base.run_id} (shades)"
    assert architecture.sha256 == architecture.earlier.sha256
    assert architecture.accepts == ("numeric", "categorical")
    pinned = recipe(again(f"run: {base.run_id}, sha256: {architecture.sha256}"))
    assert brought(pinned).architecture == architecture


def test_a_models_uri_and_a_folder_bring_the_same_model(recipe, base, tmp_path, monkeypatch):
    expected = brought(recipe(again("run: shades"))).architecture.sha256
    assert brought(recipe(again(f'model: "{base.model_uri}"'))).architecture.sha256 == expected
    download(base.model_uri, base.tracking_uri, tmp_path / "kept")
    monkeypatch.chdir(tmp_path)
    assert brought(recipe(again("folder: kept"))).architecture.sha256 == expected


def test_what_is_not_there_is_said_with_the_place(recipe, tmp_path, monkeypatch):
    with pytest.raises(
        RecipeError, match=r"architecture\.run: no run is meant by 'nobody' in sqlite:.*The latest are:"
    ):
        brought(recipe(again("run: nobody")))
    with pytest.raises(RecipeError, match=r"architecture\.model: this is no model's URI \(found some/folder\)"):
        brought(recipe(again("model: some/folder")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecipeError, match=r"architecture\.folder: there is no folder 'kept'\. Looked at 'kept'"):
        brought(recipe(again("folder: kept")))


def test_a_folder_stands_beside_the_recipe(base, tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    download(base.model_uri, base.tracking_uri, tmp_path / "recipes" / "kept")
    file = tmp_path / "recipes" / "again.yaml"
    file.write_text(again("folder: kept").replace("SHOPS", "shops.csv"))
    assert brought(recipeline.load_recipe(file)).architecture.earlier.location == "kept"


def test_another_model_than_the_one_pinned_is_refused(recipe):
    with pytest.raises(RecipeError, match=r"architecture\.sha256: the model of run .* is not the one"):
        brought(recipe(again(f"run: shades, sha256: {'a' * 64}")))


def test_a_run_goes_on_with_a_new_head_and_serves_without_the_earlier_one(recipe, base, place):
    result = run(
        place,
        again("run: shades, freeze_until: hidden.0", "late"),
    )
    store = f"sqlite:///{place / 'mlflow.db'}"
    found = find_run(result.run_id, store)
    origin = brought(recipe(again("run: shades"))).architecture.earlier
    assert found.params["architecture"] == "pretrained"
    assert found.params["architecture.run"] == base.run_id
    assert found.params["architecture.sha256"] == found.tags["recipeline.origin_sha256"] == origin.sha256
    assert found.tags["recipeline.origin"] == f"mlp of run {base.run_id} (shades)"
    # The steps are the earlier model's, and so is what they learnt.
    assert found.params["preprocessing"] == base.params["preprocessing"]
    model = fetch_model(found.model_uri, store, place / "fetched")
    assert {"impute", "standardize", "one_hot"} <= {step.plugin.plugin_name for step in model.pipeline.steps}
    assert [step.state for step in model.pipeline.steps] == [step.state for step in origin.steps]
    # What was frozen is as it was, to the byte; what was not has moved.
    weights = model.network.state_dict()
    for name, value in origin.weights.items():
        if name.startswith("hidden.0"):
            assert torch.equal(weights[name], value), name
    assert not torch.equal(weights["hidden.1.0.weight"], origin.weights["hidden.1.0.weight"])
    assert weights["output.weight"].shape == (2, 5)
    # It says what it is by itself: neither the earlier run nor `pretrained` is in it.
    text = next((place / "fetched").glob("**/model.json")).read_text()
    assert '"type": "mlp"' in text
    assert "pretrained" not in text
    assert base.run_id not in text
    # Its resolved recipe names the very model, and gives the same weights again.
    resolved = fetch_artifact(found, "recipe/resolved.yaml", place / "fetched")
    twin = fetch_model(run(place, resolved.read_text()).model_uri, store, place / "twin").network.state_dict()
    assert all(torch.equal(twin[name], weights[name]) for name in weights)
    rows = pl.read_csv(place / "shops.csv")
    assert Predictor.load(next((place / "fetched").glob("**/model.json")).parent).predict(rows).height == rows.height


def test_a_run_that_is_resumed_starts_from_the_very_model(recipe, base, tmp_path):
    named = recipe(again("run: shades"))
    memo = new_memo(named, installed(), "recipeline run again.yaml")
    job = Job(named, installed(), tmp_path, tmp_path / "cache", Observer(), RunContext(named, tmp_path), memo=memo)
    read.run(job)
    kept = read_memo(tmp_path).load_recipe().architecture
    assert (kept.run, kept.sha256) == (base.run_id, job.recipe.architecture.sha256)


def test_a_run_without_a_model_is_refused(recipe, base, place):
    failing = BASE.replace("name: shades", "name: broken")
    with pytest.raises(RecipeError):
        run(
            place, failing.replace("reports: []", "reports: []\npreprocessing: [{type: standardize, columns: nowhere}]")
        )
    with pytest.raises(RecipeError, match=r"architecture\.run: the run .* \(broken\) has no model to start from"):
        brought(recipe(again("run: broken")))
