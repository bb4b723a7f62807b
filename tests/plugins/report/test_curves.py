from __future__ import annotations

import math
from dataclasses import replace

from recipeline_plugins.report.curves import Curves, by_metric, figure


def test_one_figure_a_metric_with_the_loss_first(multiclass, tmp_path, is_png):
    written = Curves().write(multiclass, tmp_path)
    assert [path.name for path in written] == ["curves_loss.png", "curves_accuracy.png"]
    assert all(is_png(path) for path in written)


def test_train_and_validation_are_drawn_as_logged(multiclass):
    curves = by_metric(multiclass.history)["loss"]
    axes = figure("loss", curves, 7).axes[0]
    drawn = {line.get_label(): list(zip(*line.get_data(), strict=True)) for line in axes.lines}
    assert drawn["train"] == multiclass.history["train/loss"]
    assert drawn["validation"] == multiclass.history["val/loss"]


def test_the_best_epoch_is_marked_on_the_validation_curve(multiclass):
    axes = figure("loss", by_metric(multiclass.history)["loss"], 7).axes[0]
    (mark,) = axes.collections
    assert mark.get_offsets().tolist() == [list(multiclass.history["val/loss"][6])]
    assert mark.get_label().startswith("best epoch: 7 ")


def test_a_best_epoch_off_the_curve_is_still_named(multiclass):
    axes = figure("loss", {"train": multiclass.history["train/loss"]}, 40).axes[0]
    assert "best epoch: 40" in [text.get_text() for text in axes.get_legend().get_texts()]


def test_no_best_epoch_no_mark(multiclass):
    axes = figure("loss", by_metric(multiclass.history)["loss"], None).axes[0]
    assert not axes.collections
    assert len(axes.lines) == 2


def test_one_epoch_is_drawn(multiclass, tmp_path, is_png):
    short = {key: pairs[:1] for key, pairs in multiclass.history.items()}
    written = Curves().write(replace(multiclass, history=short, metrics={"best/epoch": 1.0}), tmp_path)
    assert len(written) == 2
    assert all(is_png(path) for path in written)


def test_what_is_not_finite_or_not_a_metric_is_left_out():
    history = {
        "train/loss": [(1, math.nan), (2, 0.5)],
        "val/loss": [(1, math.inf)],
        "train/examples_per_second": [(1, 1e4)],
        "lr": [(1, 0.1)],
        "val/f1": [],
    }
    assert by_metric(history) == {"loss": {"train": [(2, 0.5)]}}


def test_no_history_no_files(multiclass, tmp_path):
    assert Curves().write(replace(multiclass, history={}), tmp_path) == []


def test_a_metric_name_becomes_a_file_name(multiclass, tmp_path):
    written = Curves().write(replace(multiclass, history={"val/acme/hits @ 3": [(1, 0.5)]}), tmp_path)
    assert [path.name for path in written] == ["curves_acme_hits_3.png"]


def test_losses_over_decades_get_a_logarithmic_axis():
    assert figure("loss", {"train": [(1, 100.0), (2, 0.1)]}, None).axes[0].get_yscale() == "log"
    assert figure("loss", {"train": [(1, 1.0), (2, 0.1)]}, None).axes[0].get_yscale() == "linear"
