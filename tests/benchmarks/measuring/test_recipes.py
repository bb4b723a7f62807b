import json
from pathlib import Path

from measuring import recipes
from measuring.programs import CONTESTANTS, Finished

from recipeline.recipe.load import parse


def test_the_recipe_of_the_small_table_is_right():
    recipe = parse(recipes.SMALL_TABLE, "small_table.yaml").recipe
    assert recipe.training.batch_size == 256
    assert [each.plugin_name for each in recipe.regularization] == ["early_stopping"]


def test_the_distribution_is_plugged_in_by_its_metadata(tmp_path):
    metadata, modules, *_ = recipes.plugged(tmp_path)["PYTHONPATH"].split(":")
    assert modules == str(CONTESTANTS)
    (entry_points,) = Path(metadata).glob("*.dist-info/entry_points.txt")
    module = entry_points.read_text().split("= ")[1].strip()
    assert (CONTESTANTS / f"{module}.py").is_file()


def test_a_run_gives_its_numbers_and_those_of_the_stopwatch(tmp_path, monkeypatch):
    called = {}

    def run(command, **settings):
        called["command"] = [str(each) for each in command]
        Path(settings["environment"]["BENCHMARK_EPOCHS"]).write_text(json.dumps({"train_us": 500.0}))
        return Finished(8.0, 9.0, json.dumps({"metrics": {"time/fit_seconds": 2.0}}))

    monkeypatch.setattr(recipes, "run", run)
    found = recipes.run_recipe("name: x", tmp_path, overrides=["seed=3"], before=["nice"])
    assert found.result == {"time/fit_seconds": 2.0, "train_us": 500.0}
    assert called["command"][0] == "nice"
    assert called["command"][-3:] == ["recipe.yaml", "--json", "seed=3"]
    assert (tmp_path / "recipe.yaml").read_text() == "name: x"
