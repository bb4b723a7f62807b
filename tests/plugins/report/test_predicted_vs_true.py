from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics

from recipeline import Results, TargetSpec
from recipeline_plugins.report.predicted_vs_true import PredictedVsTrue, figure, judge


def test_the_numbers_equal_scikit_learn(regression):
    truth, prediction = regression.truth[:, 0], regression.prediction[:, 0]
    fit = judge(truth, prediction)
    assert fit.r2 == pytest.approx(sklearn.metrics.r2_score(truth, prediction), abs=1e-12)
    assert fit.rmse == pytest.approx(sklearn.metrics.root_mean_squared_error(truth, prediction), abs=1e-12)
    assert fit.mae == pytest.approx(sklearn.metrics.mean_absolute_error(truth, prediction), abs=1e-12)


def test_r2_of_a_truth_that_does_not_vary_is_undefined():
    assert math.isnan(judge(np.array([2.0, 2.0]), np.array([1.0, 3.0])).r2)


def test_a_panel_a_target_with_the_line_of_a_perfect_model(regression):
    north, east = figure(regression).axes
    np.testing.assert_array_equal(north.collections[0].get_offsets()[:, 0], regression.truth[:, 0])
    np.testing.assert_array_equal(north.collections[0].get_offsets()[:, 1], regression.prediction[:, 0])
    (line,) = north.lines
    assert list(line.get_xdata()) == list(line.get_ydata()) == list(north.get_xlim())
    fit = judge(regression.truth[:, 1], regression.prediction[:, 1])
    assert east.texts[0].get_text() == f"R² {fit.r2:.3f}\nRMSE {fit.rmse:.4g}\nMAE {fit.mae:.4g}"


def test_four_targets_leave_no_empty_panel_visible():
    values = np.random.default_rng(0).normal(size=(20, 4))
    panels = figure(Results(TargetSpec("regression", ("a", "b", "c", "d")), {}, {}, values, values)).axes
    assert [panel.get_visible() for panel in panels] == [True] * 4 + [False] * 2


def test_writes_a_png(regression, tmp_path, is_png):
    (written,) = PredictedVsTrue().write(regression, tmp_path)
    assert written.name == "predicted_vs_true.png"
    assert is_png(written)


def test_one_row(regression, tmp_path, is_png):
    one = replace(regression, truth=regression.truth[:1], prediction=regression.truth[:1])
    (written,) = PredictedVsTrue().write(one, tmp_path)
    assert is_png(written)


def test_no_rows_no_file(regression, without_rows, tmp_path):
    for results in without_rows(regression):
        assert PredictedVsTrue().write(results, tmp_path) == []
