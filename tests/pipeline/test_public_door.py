import subprocess
import sys

import pytest

import recipeline


@pytest.mark.parametrize("name", recipeline.__all__)
def test_everything_that_the_door_promises_is_there(name):
    assert getattr(recipeline, name) is not None


def test_nothing_public_is_left_out():
    assert len(set(recipeline.__all__)) == len(recipeline.__all__)
    public = {
        name
        for name, value in vars(recipeline).items()
        if not name.startswith("_") and getattr(value, "__module__", "").startswith("recipeline")
    }
    assert public <= set(recipeline.__all__)


def test_what_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'recipeline' has no attribute 'nothing'"):
        _ = recipeline.nothing


def test_the_door_is_light():
    heavy = {"torch", "numpy", "polars", "yaml", "mlflow", "click"}
    code = f"import recipeline, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
