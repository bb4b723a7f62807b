"""Values in a recipe, in a column and in JSON."""

import pytest

from recipeline_plugins.preprocessing._values import parsed, spelled, storage_of


@pytest.mark.parametrize(
    ("text", "stored", "value"),
    [
        ("-999", "Int64", -999),
        ("3.0", "Int64", 3),
        ("3.5", "Int64", None),
        ("x", "Int64", None),
        ("inf", "Int64", None),
        (str(2**63), "Int64", None),
        (str(2**63), "Int128", 2**63),
        ("1e3", "Float64", 1000.0),
        ("inf", "Float64", float("inf")),
        ("nan", "Float64", None),
        ("True", "Boolean", True),
        ("false", "Boolean", False),
        ("1", "Boolean", None),
        (" a ", "String", " a "),
    ],
)
def test_a_spelling_means_one_value_of_the_type(text, stored, value):
    assert parsed(text, stored) == value
    assert type(parsed(text, stored)) is type(value)


@pytest.mark.parametrize("value", ["a", 3, -3, 2**70, 1.5, 1e300, True, False])
def test_what_is_spelled_is_read_back(value):
    assert parsed(spelled(value), storage_of(value)) == value
