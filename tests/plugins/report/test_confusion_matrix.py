from __future__ import annotations

from dataclasses import replace

import numpy as np
import sklearn.metrics
from PIL import Image

from recipeline import Results, TargetSpec
from recipeline_plugins.report.confusion_matrix import ConfusionMatrix, counts, figure, shares
from recipeline_plugins.report.look import save


def test_counts_and_shares_equal_scikit_learn(multiclass):
    predicted = multiclass.prediction.argmax(axis=1)
    table = counts(multiclass.truth, predicted, 3)
    expected = sklearn.metrics.confusion_matrix(multiclass.truth, predicted, labels=[0, 1, 2])
    assert table.tolist() == expected.tolist()
    normalized = sklearn.metrics.confusion_matrix(multiclass.truth, predicted, labels=[0, 1, 2], normalize="true")
    np.testing.assert_array_equal(shares(table), normalized)


def test_a_class_that_is_absent_keeps_its_row():
    table = counts(np.array([0, 0, 2]), np.array([0, 2, 2]), 4)
    assert table.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert shares(table)[1].tolist() == [0, 0, 0, 0]


def test_the_cells_say_counts_and_shares_and_the_axes_the_classes():
    axes = figure(np.array([[3, 1], [0, 0]]), ("no", "yes"), "test").axes[0]
    assert [text.get_text() for text in axes.texts] == ["3\n75.0%", "1\n25.0%", "0", "0"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["no", "yes"]
    assert axes.get_title(loc="left") == "Confusion matrix, test part\n3 of 4 right (75.0%)"


def test_writes_a_png(binary, multiclass, tmp_path, is_png):
    for results in (binary, multiclass):
        (written,) = ConfusionMatrix().write(results, tmp_path)
        assert written.name == "confusion_matrix.png"
        assert is_png(written)


def test_thirty_classes_are_told_by_colour_alone(tmp_path, is_png):
    truth = np.arange(30)
    results = Results(TargetSpec("multiclass", ("letter",), tuple(range(30))), {}, {}, truth, np.eye(30))
    assert not figure(counts(truth, truth, 30), range(30), "test").axes[0].texts
    (written,) = ConfusionMatrix().write(results, tmp_path)
    assert is_png(written)


def test_one_class_in_the_test_part(multiclass, tmp_path, is_png):
    only = multiclass.truth == 1
    results = replace(multiclass, truth=multiclass.truth[only], prediction=multiclass.prediction[only])
    (written,) = ConfusionMatrix().write(results, tmp_path)
    assert is_png(written)


def test_no_rows_no_file(multiclass, without_rows, tmp_path):
    for results in without_rows(multiclass):
        assert ConfusionMatrix().write(results, tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_no_label_is_cut_at_the_edge(tmp_path):
    path = save(figure(np.diag([31, 13, 25]), ("Adelie", "Chinstrap", "Gentoo"), "test"), tmp_path / "matrix.png")
    pixels = np.asarray(Image.open(path).convert("L"))
    edges = np.concatenate([pixels[:2].ravel(), pixels[-2:].ravel(), pixels[:, :2].ravel(), pixels[:, -2:].ravel()])
    assert (edges == 255).all()
