from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics

from recipeline import Results, TargetSpec
from recipeline_plugins.report.roc import Roc, area, figure, roc_points


@pytest.mark.parametrize("decimals", [1, 8], ids=["with ties", "without"])
def test_points_and_area_equal_scikit_learn(binary, decimals):
    score = binary.prediction[:, 1].round(decimals)
    false_rate, true_rate = roc_points(binary.truth == 1, score)
    expected_false, expected_true, _ = sklearn.metrics.roc_curve(binary.truth, score, drop_intermediate=False)
    np.testing.assert_allclose(false_rate, expected_false, atol=1e-12)
    np.testing.assert_allclose(true_rate, expected_true, atol=1e-12)
    assert area(false_rate, true_rate) == pytest.approx(sklearn.metrics.roc_auc_score(binary.truth, score), abs=1e-12)


def words(drawing) -> list[str]:
    return [text.get_text() for text in drawing.axes[0].get_legend().get_texts()]


def test_two_classes_give_one_curve_for_the_second(binary):
    auc = sklearn.metrics.roc_auc_score(binary.truth, binary.prediction[:, 1])
    assert words(figure(binary)) == [rf"\$50K to \$90K: AUC {auc:.3f}"]


def test_three_classes_give_each_against_the_rest(multiclass):
    aucs = [sklearn.metrics.roc_auc_score(multiclass.truth == k, multiclass.prediction[:, k]) for k in range(3)]
    names = multiclass.target.classes
    assert words(figure(multiclass)) == [f"{name}: AUC {auc:.3f}" for name, auc in zip(names, aucs, strict=True)]


def test_labels_give_one_each(multilabel):
    aucs = [sklearn.metrics.roc_auc_score(multilabel.truth[:, k], multilabel.prediction[:, k]) for k in range(2)]
    assert words(figure(multilabel)) == [f"x: AUC {aucs[0]:.3f}", f"y: AUC {aucs[1]:.3f}"]


def test_of_many_classes_the_hardest_are_named():
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(10), 8)
    prediction = np.eye(10)[truth] * np.linspace(0.1, 2, 10) + rng.random((80, 10))
    aucs = [sklearn.metrics.roc_auc_score(truth == k, prediction[:, k]) for k in range(10)]
    drawing = figure(Results(TargetSpec("multiclass", ("digit",), tuple(range(10))), {}, {}, truth, prediction))
    hardest = sorted(range(10), key=lambda k: aucs[k])[:6]
    assert words(drawing) == [
        *(f"{k}: AUC {aucs[k]:.3f}" for k in hardest),
        f"4 others; mean of all {np.mean(aucs):.3f}",
    ]


def test_a_class_absent_from_the_part_is_said_to_be_undefined(multiclass):
    rest = multiclass.truth != 2
    results = replace(multiclass, truth=multiclass.truth[rest], prediction=multiclass.prediction[rest])
    assert words(figure(results))[-1] == "Gentoo: undefined in this part"
    assert len(words(figure(results))) == 3


def test_one_class_alone_has_nothing_to_rank(binary, tmp_path):
    only = binary.truth == 1
    results = replace(binary, truth=binary.truth[only], prediction=binary.prediction[only])
    assert Roc().write(results, tmp_path) == []


def test_writes_a_png(binary, multiclass, multilabel, tmp_path, is_png):
    for results in (binary, multiclass, multilabel):
        (written,) = Roc().write(results, tmp_path)
        assert written.name == "roc.png"
        assert is_png(written)


def test_no_rows_no_file(multiclass, without_rows, tmp_path):
    for results in without_rows(multiclass):
        assert Roc().write(results, tmp_path) == []
