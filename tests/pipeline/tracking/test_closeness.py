"""Two runs' metrics, value by value."""

import pytest

from recipeline.tracking.closeness import closeness


def test_equal_numbers_are_identical_and_time_is_left_out():
    run = {"val/loss": {1: 0.5, 2: 0.25}, "test/f1": {0: 1.0}, "time/fit_seconds": {0: 3.0}}
    other = {"val/loss": {1: 0.5, 2: 0.25}, "test/f1": {0: 1.0}, "train/examples_per_second": {1: 9.0}}
    found = closeness(run, other)
    assert [metric.name for metric in found] == ["test/f1", "val/loss"]
    assert all(metric.identical for metric in found)
    assert [metric.values for metric in found] == [1, 2]


def test_the_last_digit_counts():
    (metric,) = closeness({"test/loss": {0: 0.1 + 0.2}}, {"test/loss": {0: 0.3}})
    assert not metric.identical
    assert metric.first_epoch is None
    assert metric.largest == pytest.approx(5.6e-17, rel=0.02)


def test_a_curve_says_how_far_how_often_and_since_when():
    (metric,) = closeness({"val/loss": {1: 0.5, 2: 0.4, 3: 0.2}}, {"val/loss": {1: 0.5, 2: 0.5, 3: 0.25}})
    assert (metric.then, metric.now, metric.values, metric.differing, metric.first_epoch) == (0.2, 0.25, 3, 2, 2)
    assert metric.largest == pytest.approx(0.1)
    assert metric.share == pytest.approx(0.2)


def test_a_value_of_one_side_alone_differs():
    longer, alone = closeness({"val/loss": {1: 0.5}, "val/mae": {1: 2.0}}, {"val/loss": {1: 0.5, 2: 0.4}})
    assert (longer.differing, longer.first_epoch, longer.largest) == (1, 2, None)
    assert (alone.then, alone.now, alone.identical) == (2.0, None, False)
    assert alone.as_dict()["identical"] is False
