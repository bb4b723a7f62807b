from __future__ import annotations

import numpy as np
import pytest
import sklearn.calibration
from pydantic import ValidationError

from recipeline_plugins.report.calibration import Calibration, claims, figure, group


@pytest.mark.parametrize("bins", [2, 10, 25])
def test_groups_equal_scikit_learn(binary, bins):
    found = group(binary.truth == 1, binary.prediction[:, 1], bins)
    observed, predicted = sklearn.calibration.calibration_curve(binary.truth, binary.prediction[:, 1], n_bins=bins)
    np.testing.assert_allclose(found.observed, observed, atol=1e-12)
    np.testing.assert_allclose(found.predicted, predicted, atol=1e-12)
    assert found.rows.sum() == len(binary.truth)


def test_the_ends_are_counted():
    found = group(np.array([False, True]), np.array([0.0, 1.0]), 10)
    assert found.rows.tolist() == [1, 1]
    assert found.expected_error == 0


def test_expected_error_is_the_gap_weighted_by_rows():
    # Three rows at 0.9 of which two come true: gap 0.9 - 2/3; one row at 0.2 that does: gap 0.8.
    found = group(np.array([True, True, False, True]), np.array([0.9, 0.9, 0.9, 0.2]), 5)
    assert found.expected_error == pytest.approx((3 * (0.9 - 2 / 3) + 0.8) / 4)


def test_what_is_claimed_depends_on_the_task(binary, multiclass, multilabel):
    came_true, probability, name = claims(binary)
    assert (came_true == (binary.truth == 1)).all()
    assert (probability == binary.prediction[:, 1]).all()
    assert name == "probability of $50K to $90K"

    came_true, probability, name = claims(multiclass)
    assert came_true.mean() == (multiclass.prediction.argmax(axis=1) == multiclass.truth).mean()
    assert (probability == multiclass.prediction.max(axis=1)).all()

    came_true, probability, _ = claims(multilabel)
    assert came_true.shape == probability.shape == (180,)


def test_the_figure_draws_the_groups(binary):
    found = group(binary.truth == 1, binary.prediction[:, 1], 10)
    upper, lower = figure(binary, 10).axes
    assert upper.lines[1].get_xdata().tolist() == found.predicted.tolist()
    assert upper.lines[1].get_ydata().tolist() == found.observed.tolist()
    assert f"ECE {found.expected_error:.3f}" in upper.lines[1].get_label()
    assert sum(bar.get_height() for bar in lower.patches) == len(binary.truth)


def test_writes_a_png(binary, multiclass, multilabel, tmp_path, is_png):
    for results in (binary, multiclass, multilabel):
        (written,) = Calibration().write(results, tmp_path)
        assert written.name == "calibration.png"
        assert is_png(written)


def test_no_rows_no_file(multiclass, without_rows, tmp_path):
    for results in without_rows(multiclass):
        assert Calibration().write(results, tmp_path) == []


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bins": 1}, "greater than or equal to 2"),
        ({"bins": 101}, "less than or equal to 100"),
        ({"bins": "ten"}, "valid integer"),
        ({"bin": 10}, "not permitted"),
    ],
)
def test_refused_settings(settings, words):
    with pytest.raises(ValidationError, match=words):
        Calibration.model_validate(settings)
