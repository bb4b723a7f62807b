"""A model is read for another training as data: from its bundle or from MLflow's folder, and from nowhere else."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from recipeline.errors import EnvironmentFault, RecipeError, UnsafeError
from recipeline.serving.earlier import read_earlier


@pytest.fixture
def bundle(train, tmp_path):
    return shutil.copytree(train("grade").bundle, tmp_path / "model")


def test_all_that_it_takes_to_go_on_is_read(train, bundle):
    trained = train("grade")
    found = read_earlier(bundle, "there", run_id="abc")
    weights = load_file(bundle / "weights.safetensors")
    assert found.weights.keys() == weights.keys()
    assert all(torch.equal(found.weights[name], weights[name]) for name in weights)
    assert found.architecture == trained.recipe.architecture
    assert (found.inputs, found.target, found.outputs) == (trained.pipeline.inputs, trained.pipeline.target, 3)
    assert [(s.plugin, s.columns, s.state) for s in found.steps] == [
        (s.plugin, s.columns, s.state) for s in trained.pipeline.steps
    ]
    assert (found.location, found.run_id) == ("there", "abc")


def test_the_digest_is_that_of_the_two_files(bundle):
    both = (bundle / "weights.safetensors").read_bytes() + (bundle / "model.json").read_bytes()
    assert read_earlier(bundle, "there").sha256 == hashlib.sha256(both).hexdigest()


def test_mlflows_folder_holds_the_bundle_somewhere_below(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "logged" / "artifacts" / "bundle")
    assert read_earlier(tmp_path / "logged", "there").sha256 == read_earlier(bundle, "there").sha256


def test_a_folder_without_a_model_is_refused_and_a_pickle_is_not_read(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(RecipeError) as refused:
        read_earlier(tmp_path, "there")
    assert "there is no model of recipeline in it: weights.safetensors and model.json (found there)" in str(
        refused.value
    )
    assert "weights.pt is not read: such a file can run anything." in str(refused.value)


def test_a_link_out_of_the_folder_is_refused(bundle, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (bundle / "weights.safetensors").rename(tmp_path / "elsewhere" / "weights.safetensors")
    (bundle / "weights.safetensors").symlink_to(tmp_path / "elsewhere" / "weights.safetensors")
    with pytest.raises(UnsafeError, match="a link to a place outside of its folder"):
        read_earlier(bundle, "there")


def test_damage_is_named(bundle, reseal):
    (bundle / "weights.safetensors").write_bytes(b"no weights")
    with pytest.raises(
        EnvironmentFault, match=r"the model is damaged, or was changed: weights\.safetensors has 10 bytes"
    ):
        read_earlier(bundle, "there")
    with pytest.raises(EnvironmentFault, match="the model's weights can't be read"):
        read_earlier(reseal(bundle), "there")
    said = json.loads((bundle / "model.json").read_text())
    del said["pipeline"]["target"]
    (bundle / "model.json").write_text(json.dumps(said))
    with pytest.raises(EnvironmentFault, match=r"the model's description can't be read \(found 'target' is missing\)"):
        read_earlier(reseal(bundle), "there")
    (bundle / "model.json").write_text("[" * 100_000)
    with pytest.raises(EnvironmentFault, match="the model's description can't be read"):
        read_earlier(reseal(bundle), "there")


def test_only_what_is_installed_is_built(bundle, reseal):
    said = json.loads((bundle / "model.json").read_text())
    said["architecture"] = {"type": "os.system"}
    (bundle / "model.json").write_text(json.dumps(said))
    with pytest.raises(RecipeError, match=r"no architecture is named 'os\.system'"):
        read_earlier(reseal(bundle), "there")


def test_a_model_that_mlflow_would_run_otherwise_is_refused(bundle, tmp_path):
    shutil.copytree(bundle, tmp_path / "logged" / "artifacts" / "bundle")
    (tmp_path / "logged" / "MLmodel").write_text("flavors: {python_function: {loader_module: os}}")
    with pytest.raises(UnsafeError, match=r"flavors\.python_function\.loader_module: this is no model of recipeline"):
        read_earlier(tmp_path / "logged", "there")
