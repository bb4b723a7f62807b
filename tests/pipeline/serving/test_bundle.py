"""What a bundle keeps, and that loading it gives the same answers."""

import json
import math
import random
import shutil
from dataclasses import replace
from importlib.metadata import version

import numpy as np
import polars as pl
import pytest
import torch

from recipeline.catalog import build, installed
from recipeline.data.pipeline import FittedStep
from recipeline.errors import DataError, EnvironmentFault, RecipeError, UsageError
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.spec import TargetSpec
from recipeline.network import answers, for_answers
from recipeline.serving import bundle
from recipeline.serving.bundle import Predictor, answer_frame, read_description, write_bundle
from recipeline.serving.log import requirements


def test_the_loaded_model_gives_the_same_numbers_as_the_network_that_was_saved(train):
    trained = train("grade")
    blocks = trained.pipeline.transform(trained.rows)
    network = for_answers(trained.network, trained.pipeline.inputs, trained.pipeline.target)
    expected = answers(network, blocks, trained.pipeline, trained.pipeline.target, 64).numpy()

    found = Predictor.load(trained.bundle).predict(trained.rows)

    assert found.columns == ["prediction", "probability_bad", "probability_good", "probability_ugly"]
    assert np.array_equal(found.select(pl.selectors.starts_with("probability")).to_numpy(), expected)
    names = ["bad", "good", "ugly"]
    assert found["prediction"].to_list() == [names[place] for place in expected.argmax(axis=1)]


def test_one_row_alone_is_answered_as_among_others(train):
    predictor = Predictor.load(train("grade").bundle)
    rows = train("grade").rows
    together = predictor.predict(rows)
    for number in (0, 3, 5, 118):
        alone = predictor.predict(rows[number])
        assert alone["prediction"][0] == together["prediction"][number]
        assert abs(alone["probability_bad"][0] - together["probability_bad"][number]) < 1e-6


def test_a_regression_is_answered_in_the_targets_own_unit(train):
    trained = train(["price", "tax"])
    found = Predictor.load(trained.bundle).predict(trained.rows)
    assert found.columns == ["prediction_price", "prediction_tax"]
    blocks = trained.pipeline.transform(trained.rows)
    network = for_answers(trained.network, trained.pipeline.inputs, trained.pipeline.target)
    expected = answers(network, blocks, trained.pipeline, trained.pipeline.target, 64)
    assert np.array_equal(found.to_numpy(), expected.numpy())


def test_files_hold_no_pickle_and_no_path_of_the_data(train):
    bundle = train("grade").bundle
    assert sorted(path.name for path in bundle.iterdir()) == ["manifest.json", "model.json", "weights.safetensors"]
    said = json.loads((bundle / "model.json").read_text())
    assert said["requirements"] == {"recipeline": said["recipeline"]}
    assert said["source"]["type"] == "parquet"
    assert "path" not in said["source"]
    assert str(bundle.parent) not in (bundle / "model.json").read_text()


def test_loading_leaves_the_random_numbers_alone(train):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Predictor.load(train("grade").bundle)
    assert torch.equal(torch.rand(3), expected)


def test_weights_keep_their_number_format(train, tmp_path):
    trained = train("grade")
    doubled = torch.nn.Sequential(torch.nn.Linear(2, 2)).double()
    write_bundle(
        tmp_path, network=doubled, recipe=trained.recipe, pipeline=trained.pipeline, batch_size=8, catalog=installed()
    )
    from safetensors.torch import load

    weights = load((tmp_path / "weights.safetensors").read_bytes())
    assert torch.equal(weights["0.weight"], doubled[0].weight)
    assert weights["0.weight"].dtype == torch.float64


def test_damaged_weights_are_refused(train, reseal, tmp_path):
    shutil.copytree(train("grade").bundle, tmp_path / "b")
    file = tmp_path / "b" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(EnvironmentFault, match=r"the model is damaged, or was changed: weights.safetensors has "):
        Predictor.load(tmp_path / "b")
    with pytest.raises(EnvironmentFault, match="weights can't be read"):
        Predictor.load(reseal(tmp_path / "b"))


def test_of_a_thousand_flips_and_cuts_none_is_read(train, monkeypatch, tmp_path):
    shutil.copytree(train("grade").bundle, tmp_path / "b")
    monkeypatch.setattr(bundle, "strict_json", lambda _: pytest.fail("a damaged description was read"))
    monkeypatch.setattr(bundle, "read_weights", lambda _: pytest.fail("damaged weights were read"))
    lot = random.Random(7)
    contents = {path: path.read_bytes() for path in sorted((tmp_path / "b").iterdir())}
    detected = 0
    for _ in range(1000):
        path = lot.choice(list(contents))
        whole = contents[path]
        place = lot.randrange(len(whole))
        flipped = bytes([whole[place] ^ (1 << lot.randrange(8))])
        path.write_bytes(whole[:place] + (b"" if lot.random() < 0.4 else flipped + whole[place + 1 :]))
        try:
            Predictor.load(tmp_path / "b")
        except EnvironmentFault as fault:
            detected += "the model is damaged, or was changed: " in str(fault)
        path.write_bytes(whole)
    assert detected == 1000


def test_the_same_model_has_the_same_manifest(train, reseal, tmp_path):
    shutil.copytree(train("grade").bundle, tmp_path / "b", copy_function=shutil.copyfile)
    (tmp_path / "b" / "manifest.json").unlink()
    bundle.seal(tmp_path / "b", {}, times=False)
    assert (tmp_path / "b" / "manifest.json").read_bytes() == (train("grade").bundle / "manifest.json").read_bytes()


def test_weights_of_another_network_are_refused(train, reseal, tmp_path):
    shutil.copytree(train("grade").bundle, tmp_path / "b")
    file = tmp_path / "b" / "model.json"
    said = json.loads(file.read_text())
    said["architecture"]["hidden"] = [9]
    file.write_text(json.dumps(said))
    with pytest.raises(EnvironmentFault, match=r"the model's weights don't fit its description .*size mismatch"):
        Predictor.load(reseal(tmp_path / "b"))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}"])
def test_a_damaged_description_is_refused(content, reseal, tmp_path):
    (tmp_path / "model.json").write_text(content)
    (tmp_path / "weights.safetensors").write_text("")
    reseal(tmp_path)
    with pytest.raises(EnvironmentFault, match="description can't be read"):
        read_description(tmp_path)


def test_a_description_of_another_version_says_which_one_to_install(reseal, tmp_path):
    (tmp_path / "model.json").write_text('{"format": 99, "recipeline": "7.1"}')
    (tmp_path / "weights.safetensors").write_text("")
    reseal(tmp_path)
    with pytest.raises(UsageError, match=r"format 99.*reads 1.*written by recipeline '7\.1': install that version"):
        read_description(tmp_path)


def test_a_plugin_that_is_not_installed_is_named_with_its_distribution(train):
    with pytest.raises(RecipeError, match=r"no architecture is named 'mlp'[\s\S]*made with recipeline=="):
        Predictor.load(train("grade").bundle, catalog=build([]))


def test_state_that_is_no_tensor_is_refused(train, tmp_path):
    class Odd(torch.nn.Linear):
        def get_extra_state(self):
            return {"a": 1}

    trained = train("grade")
    with pytest.raises(UsageError, match="'_extra_state' in its state, which is no tensor"):
        write_bundle(tmp_path, network=Odd(1, 1), recipe=trained.recipe, pipeline=trained.pipeline, batch_size=8)


def test_a_missing_column_and_a_bad_cell_are_named(train):
    predictor = Predictor.load(train("grade").bundle).at("new.csv")
    rows = train("grade").rows
    with pytest.raises(DataError, match=r"new.csv, column 'age': this column is missing"):
        predictor.predict(rows.drop("age"))
    with pytest.raises(DataError, match=r"new.csv, row 3, column 'size': expected a number \(found 'big'\)"):
        predictor.predict(rows.with_columns(size=pl.Series(["1", "2", "big"] + ["4"] * (rows.height - 3))))


def target(task, classes=(), columns=("y",)):
    return TargetSpec(task, tuple(columns), tuple(classes), tuple(1 for _ in classes))


def test_class_words_keep_their_type():
    found = torch.tensor([[0.1, 0.9], [0.8, 0.2]], dtype=torch.float64)
    assert answer_frame(found, target("binary", (False, True))).to_dict(as_series=False) == {
        "prediction": [True, False],
        "probability_false": [0.1, 0.8],
        "probability_true": [0.9, 0.2],
    }
    assert answer_frame(found, target("binary", (3, 7)))["prediction"].to_list() == [7, 3]
    assert answer_frame(found, target("binary", (0.5, 1.5)))["prediction"].to_list() == [1.5, 0.5]
    assert answer_frame(found, target("binary", ("3", 7)))["prediction"].to_list() == ["7", "3"]


def test_labels_are_decided_one_by_one():
    found = torch.tensor([[0.5, 0.49]], dtype=torch.float64)
    answered = answer_frame(found, target("multilabel", ("sold", "late"), ("sold", "late")))
    assert answered.to_dicts() == [
        {"prediction_sold": 1, "prediction_late": 0, "probability_sold": 0.5, "probability_late": 0.49}
    ]
    assert answered["prediction_sold"].dtype == pl.Int64


def test_a_sequence_is_a_text_and_its_probability():
    spoken = TargetSpec("sequence", ("sound",), ("[PAD]", "[BEGIN]", "[END]", "[UNK]", "HH", "AH"), longest=2)
    found = torch.tensor([[math.log(0.25), 4, 5], [math.log(0.5), 5, 0], [0.0, 0, 0]], dtype=torch.float64)
    answered = answer_frame(found, spoken)
    assert answered["prediction"].to_list() == ["HH AH", "AH", ""]
    assert answered["probability"].to_list() == pytest.approx([0.25, 0.5, 1.0])
    empty = answer_frame(torch.empty(0, 3, dtype=torch.float64), spoken)
    assert empty.schema == pl.Schema({"prediction": pl.String, "probability": pl.Float64})


def test_no_rows_give_no_answers_of_the_same_types():
    empty = answer_frame(torch.empty(0, 2, dtype=torch.float64), target("binary", ("a", "b")))
    assert empty.schema == pl.Schema(
        {"prediction": pl.String, "probability_a": pl.Float64, "probability_b": pl.Float64}
    )


def test_a_step_that_is_not_installed_can_not_be_saved(train, tmp_path):
    trained = train("grade")
    with pytest.raises(UsageError, match=r"the architecture 'mlp' .*MLP\) is not installed"):
        write_bundle(
            tmp_path,
            network=trained.network,
            recipe=trained.recipe,
            pipeline=trained.pipeline,
            batch_size=8,
            catalog=build([]),
        )


@pytest.mark.parametrize(("step", "package"), [("tokenize", "tokenizers"), ("load_image", "pillow")])
def test_what_a_step_needs_to_serve_is_among_the_requirements(train, tmp_path, step, package):
    trained = train("grade")
    plugin = installed().find(Preprocessing, step)()
    pipeline = replace(trained.pipeline, steps=(*trained.pipeline.steps, FittedStep(plugin, (), {})))
    write_bundle(tmp_path, network=trained.network, recipe=trained.recipe, pipeline=pipeline, batch_size=8)
    needed = read_description(tmp_path)["requirements"]
    assert needed[package] == version(package)
    assert f"{package}=={version(package)}" in requirements(needed)


def test_a_package_that_a_plugin_needs_and_that_is_not_here_is_said(train, tmp_path, monkeypatch):
    trained = train("grade")
    monkeypatch.setattr(type(trained.recipe.data.source), "packages", frozenset({"no-such-package"}))
    with pytest.raises(EnvironmentFault, match="the source 'parquet' needs the package no-such-package where"):
        write_bundle(tmp_path, network=trained.network, recipe=trained.recipe, pipeline=trained.pipeline, batch_size=8)
