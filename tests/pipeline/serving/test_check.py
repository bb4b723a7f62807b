"""How two tables of answers are compared."""

import polars as pl
import pytest

from recipeline.serving.check import differences

EXPECTED = pl.DataFrame({"prediction": ["a", "b"], "probability_a": [0.75, 0.25]})


def test_equal_answers_do_not_differ():
    assert differences(EXPECTED, EXPECTED) == (0.0, "")


def test_the_largest_difference_counts_relative_to_large_numbers():
    answers = EXPECTED.with_columns(probability_a=pl.Series([0.75, 0.26]))
    difference, wrong = differences(answers, EXPECTED)
    assert difference == pytest.approx(0.01)
    assert wrong == ""
    large = pl.DataFrame({"prediction": [1e6]})
    assert differences(large + 1.0, large)[0] == pytest.approx(1e-6)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (EXPECTED.drop("probability_a"), "columns ['prediction'] instead of ['prediction', 'probability_a']"),
        (EXPECTED.head(1), "1 rows instead of 2"),
        (EXPECTED.with_columns(prediction=pl.Series(["a", "a"])), "'prediction' is 'a' instead of 'b' in row 2"),
        (EXPECTED.with_columns(prediction=pl.Series([1, 2])), "'prediction' is Int64 instead of String"),
        (EXPECTED.with_columns(probability_a=pl.Series([0.75, float("nan")])), "'probability_a' has values that are"),
        (EXPECTED.with_columns(probability_a=pl.Series([0.75, None])), "'probability_a' has values that are"),
    ],
)
def test_whatever_else_is_not_the_same_is_said(answers, words):
    assert words in differences(answers, EXPECTED)[1]
