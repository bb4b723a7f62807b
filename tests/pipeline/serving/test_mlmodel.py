"""MLmodel says what it says in every model of recipeline, or the model is refused by the place that is otherwise."""

import shutil

import pytest
import yaml

from recipeline.errors import EnvironmentFault, UnsafeError
from recipeline.serving import mlmodel

GOOD = {
    "flavors": {
        "python_function": {
            "artifacts": {"bundle": {"path": "artifacts/model", "uri": "/somewhere/model"}},
            "cloudpickle_version": "3.1.2",
            "code": None,
            "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
            "loader_module": "mlflow.pyfunc.loaders.code_model",
            "model_code_path": "/site-packages/recipeline/serving/model.py",
            "python_version": "3.11.7",
            "streamable": False,
        }
    },
    "mlflow_version": "3.17.2",
}


def written(folder, **changes):
    flavor = {**GOOD["flavors"]["python_function"], **changes}
    (folder / "MLmodel").write_text(yaml.safe_dump({**GOOD, "flavors": {"python_function": flavor}}))
    return folder


def test_the_bundles_place_is_what_it_says(tmp_path):
    assert mlmodel.bundle_place(written(tmp_path)) == "artifacts/model"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"loader_module": "os"},
            r"loader_module: .* something else \(found 'os'\)\. Models of recipeline have 'mlflow",
        ),
        ({"code": "code"}, r"flavors\.python_function\.code: .*Models of recipeline have nothing there"),
        ({"streamable": 0}, "streamable"),
        ({"model_code_path": "/x/evil.py"}, r"have the path of model\.py there"),
        ({"env": "conda.yaml"}, r"have conda\.yaml and python_env\.yaml there"),
        ({"python_model": "m.pkl"}, "have no such setting"),
        ({"python_version": ["3"]}, "A version stands there"),
        ({"artifacts": {}}, "Just `bundle` with its path stands there"),
        ({"artifacts": {"bundle": {"path": "artifacts/../x"}}}, r"a folder right in artifacts/"),
        ({"artifacts": {"bundle": {"path": "artifacts/.."}}}, r"a folder right in artifacts/"),
    ],
)
def test_what_mlflow_would_load_otherwise_is_refused(changes, said, tmp_path):
    with pytest.raises(UnsafeError, match=said) as refused:
        mlmodel.bundle_place(written(tmp_path, **changes))
    assert "Don't serve it" in str(refused.value)


def test_what_is_not_plain_yaml_is_refused_by_its_line(tmp_path):
    (tmp_path / "MLmodel").write_text("a: 1\nflavors: !!python/name:os.system\n")
    with pytest.raises(UnsafeError, match=r"MLmodel:2:10: this is no model of recipeline.*\(found a YAML tag"):
        mlmodel.bundle_place(tmp_path)
    (tmp_path / "MLmodel").unlink()
    with pytest.raises(EnvironmentFault, match="the model's MLmodel can't be read"):
        mlmodel.bundle_place(tmp_path)


def test_the_code_is_the_one_that_is_installed_here(tmp_path):
    shutil.copyfile(mlmodel.__file__.replace("mlmodel.py", "model.py"), tmp_path / "model.py")
    mlmodel.same_code(tmp_path)
    (tmp_path / "model.py").write_text("import os\n")
    with pytest.raises(UnsafeError, match="is not that of the recipeline that is installed here"):
        mlmodel.same_code(tmp_path)
