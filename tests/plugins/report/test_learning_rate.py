from __future__ import annotations

from dataclasses import replace

from recipeline_plugins.report.learning_rate import LearningRate, figure


def test_writes_the_rate_as_logged(multiclass, tmp_path, is_png):
    (written,) = LearningRate().write(multiclass, tmp_path)
    assert written.name == "learning_rate.png"
    assert is_png(written)
    (line,) = figure(multiclass.history["lr"]).axes[0].lines
    assert list(zip(*line.get_data(), strict=True)) == multiclass.history["lr"]


def test_a_rate_over_decades_gets_a_logarithmic_axis():
    assert figure([(1, 0.1), (2, 0.0001)]).axes[0].get_yscale() == "log"
    assert figure([(1, 0.1), (2, 0.05)]).axes[0].get_yscale() == "linear"


def test_one_epoch_and_a_rate_of_zero_are_drawn(multiclass, tmp_path, is_png):
    (written,) = LearningRate().write(replace(multiclass, history={"lr": [(1, 0.0)]}), tmp_path)
    assert is_png(written)


def test_no_rate_no_file(multiclass, tmp_path):
    assert LearningRate().write(replace(multiclass, history={}), tmp_path) == []
