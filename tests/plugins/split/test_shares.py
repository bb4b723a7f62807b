"""Sizes of parts, and classes divided among them."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipeline_plugins.split._shares import counts, exact
from recipeline_plugins.split._strata import table


@pytest.mark.parametrize(
    ("rows", "shares", "expected"),
    [
        (100, (0.7, 0.15, 0.15), [70, 15, 15]),
        (10, (0.7, 0.15, 0.15), [7, 2, 1]),  # equal remainders: the earlier part
        (20, (0.7, 0.15, 0.15), [14, 3, 3]),
        (3, (0.34, 0.33, 0.33), [1, 1, 1]),
        (1, (0.7, 0.15, 0.15), [1, 0, 0]),
        (0, (0.7, 0.15, 0.15), [0, 0, 0]),
        (7, (0.8, 0.0, 0.2), [6, 0, 1]),
        (1000, (0.1, 0.2, 0.7), [100, 200, 700]),
    ],
)
def test_sizes_are_the_largest_remainders(rows, shares, expected):
    assert counts(rows, exact(*shares)) == expected


def test_a_share_is_what_its_decimals_say():
    assert exact(0.15, 1e-3, 1) == [Fraction(3, 20), Fraction(1, 1000), Fraction(1)]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=12),
    percents=st.tuples(st.integers(1, 98), st.integers(0, 98)).filter(lambda pair: sum(pair) <= 100),
)
def test_every_class_is_within_one_row_of_its_share_and_the_totals_are_exact(sizes, percents):
    shares = [Fraction(percents[0], 100), Fraction(percents[1], 100), Fraction(100 - sum(percents), 100)]
    totals = counts(sum(sizes), shares)
    found = table(sizes, shares, totals)
    assert found.sum(axis=0).tolist() == totals
    assert found.sum(axis=1).tolist() == sizes
    assert (found >= 0).all()
    for row, size in zip(found.tolist(), sizes, strict=True):
        assert all(abs(number - size * share) < 1 for number, share in zip(row, shares, strict=True))


def test_many_classes_of_one_row_each_are_divided_too():
    found = table([1] * 3000, exact(0.7, 0.15, 0.15), [2100, 450, 450])
    assert found.sum(axis=0).tolist() == [2100, 450, 450]
    assert (found.sum(axis=1) == 1).all()


def test_no_class_gives_an_empty_table():
    assert table([], exact(0.7, 0.15, 0.15), [0, 0, 0]).shape == (0, 3)
    assert np.asarray(table([5], exact(1, 0, 0), [5, 0, 0])).tolist() == [[5, 0, 0]]
