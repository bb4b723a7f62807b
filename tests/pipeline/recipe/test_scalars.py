import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipeline.recipe.scalars import MAX_DIGITS, resolve


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001), ("1E3", 1000.0), ("1e5", 100000.0), (".5", 0.5), ("5.", 5.0), ("-.5", -0.5), ("+1", 1),
        ("010", 10), ("-07", -7), ("0o10", 8), ("0x1F", 31), ("0", 0), ("-0", 0), ("1.5e+10", 1.5e10),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("null", None), ("~", None), ("", None),
        ("Null", None), (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("1e999", math.inf),
    ],
)  # fmt: skip
def test_core_schema_values(text, value):
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    ["no", "No", "on", "off", "yes", "y", "n", "1:30", "2001-01-01", "=", "<<", "1_000", "0b1", "0X1F", "0o8", "-0x1",
     "tRUE", "nULL", "inf", "nan", ".Nan", "1e", "e3", ".", "+", "-", "1.2.3", "0x", "١٢", "1 2", "-.inF"],
)  # fmt: skip
def test_everything_else_is_text(text):
    assert resolve(text) == text


def test_nan_is_read():
    assert math.isnan(resolve(".nan"))


@pytest.mark.parametrize("text", ["9" * 5000, "0x" + "f" * 5000, "0." + "1" * 5000])
def test_a_number_without_end_is_refused(text):
    with pytest.raises(ValueError, match=f"of {len(text)} characters; {MAX_DIGITS} is the longest"):
        resolve(text)


@given(st.text(max_size=20))
def test_any_text_resolves(text):
    resolve(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back(number):
    assert resolve(repr(number)) == number


@given(st.integers(-(10**50), 10**50))
def test_an_integer_reads_back(number):
    assert resolve(str(number)) == number
