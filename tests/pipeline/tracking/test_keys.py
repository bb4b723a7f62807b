"""Names and values that MLflow takes, and that stay apart."""

import pytest

from recipeline.tracking.keys import as_param, legal_key, mlflow_type, shortened


@pytest.mark.parametrize(
    ("key", "legal"),
    [
        ("optimizer.lr", "optimizer.lr"),
        ("val/loss", "val/loss"),
        ("zip code-2: a", "zip code-2: a"),
        ("price[eur] @=(x)", "price_eur_ __(x)".replace("(", "_").replace(")", "_")),
        ("größe", "größe"),
        ("a//b", "a/b"),
        ("/a/./b/../c/", "a/b/c"),
        ("", "_"),
        ("..", "_"),
    ],
)
def test_what_mlflow_refuses_is_replaced(key, legal):
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    assert legal_key(key) == legal
    _validate_param_name(legal_key(key))
    _validate_metric_name(legal_key(key))


def test_two_long_keys_stay_two():
    one, other = legal_key("x" * 300 + "a"), legal_key("x" * 300 + "b")
    assert len(one) == len(other) == 250
    assert one != other


def test_two_long_values_stay_two_and_say_what_is_missing():
    one, other = shortened("x" * 7000 + "a", 6000), shortened("x" * 7000 + "b", 6000)
    assert len(one) == 6000
    assert one != other
    assert "... (7001 characters, sha256 " in one
    assert shortened("short", 6000) == "short"


def test_values_are_written_as_in_a_recipe():
    assert [as_param(value) for value in (True, False, 1, 0.001, 1e-8, "adam")] == [
        "true", "false", "1", "0.001", "1e-08", "adam"
    ]  # fmt: skip


def test_types_are_in_mlflows_words():
    given = ["Float64", "Int64", "UInt8", "String", "Boolean", "Date", "Datetime(time_unit='us')", "double"]
    assert [mlflow_type(each) for each in given] == [
        "double", "long", "long", "string", "boolean", "datetime", "datetime", "double"
    ]  # fmt: skip
