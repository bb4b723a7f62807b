import pytest

from recipeline.recipe.dump import plain_to_yaml
from recipeline.recipe.read import read


@pytest.mark.parametrize(
    "value",
    ["1e-3", "no", "on", "010", "1:30", "null", "~", "true", "0x1F", "2020-01-01", "", " x",
     "a: b", "- a", "#a", "é",
     "two\nlines", "'", '"', "${env:X}", "=", "<<", 1e-05, 1e30, 0.1, 3, -2, True, False, None,
     [1, [2, "3"]], {"a": {}}],
)  # fmt: skip
def test_what_is_written_reads_back_as_the_same(value):
    root = read(plain_to_yaml({"value": value}), "x.yaml")
    assert root.plain() == {"value": value}
    assert type(root.plain()["value"]) is type(value)


def test_keys_stay_in_order_and_lists_stay_readable():
    text = plain_to_yaml({"name": "x", "architecture": {"type": "mlp", "hidden": [32, 16]}, "steps": [{"type": "a"}]})
    assert text == "name: x\narchitecture:\n  type: mlp\n  hidden: [32, 16]\nsteps:\n  - {type: a}\n"
