from __future__ import annotations

from dataclasses import replace

import numpy as np

from recipeline import Results, TargetSpec
from recipeline_plugins.report.residuals import Residuals, figure, residuals


def test_positive_where_the_model_says_too_little():
    assert residuals(np.array([3.0, 1.0]), np.array([1.0, 2.0])).tolist() == [2.0, -1.0]


def test_a_row_a_target_with_points_and_distribution(regression):
    left, right, second, _ = figure(regression).axes
    rest = regression.truth[:, 0] - regression.prediction[:, 0]
    np.testing.assert_array_equal(left.collections[0].get_offsets()[:, 0], regression.prediction[:, 0])
    np.testing.assert_array_equal(left.collections[0].get_offsets()[:, 1], rest)
    assert sum(bar.get_width() for bar in right.patches) == 90
    assert right.get_legend().get_texts()[0].get_text() == f"mean {rest.mean():.3g}\ns.d. {rest.std():.3g}"
    assert second.get_xlabel() == "predicted east"


def test_writes_a_png(regression, tmp_path, is_png):
    (written,) = Residuals().write(regression, tmp_path)
    assert written.name == "residuals.png"
    assert is_png(written)


def test_many_rows_are_drawn_as_a_density(tmp_path, is_png):
    truth = np.random.default_rng(0).normal(size=(6000, 1))
    (written,) = Residuals().write(Results(TargetSpec("regression", ("y",)), {}, {}, truth, truth * 0.5), tmp_path)
    assert is_png(written)


def test_one_row_and_a_perfect_model(regression, tmp_path, is_png):
    one = replace(regression, truth=regression.truth[:1], prediction=regression.truth[:1])
    (written,) = Residuals().write(one, tmp_path)
    assert is_png(written)


def test_no_rows_no_file(regression, without_rows, tmp_path):
    for results in without_rows(regression):
        assert Residuals().write(results, tmp_path) == []
