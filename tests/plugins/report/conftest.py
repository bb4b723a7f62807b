"""Finished runs to report on: three classes, two classes, labels, a regression."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recipeline import Results, TargetSpec

HISTORY = {
    "train/loss": [(epoch, 1.1 * math.exp(-epoch / 5) + 0.05) for epoch in range(1, 13)],
    "val/loss": [(epoch, 1.1 * math.exp(-epoch / 5) + 0.1) for epoch in range(1, 13)],
    "val/accuracy": [(epoch, 1 - 0.6 * math.exp(-epoch / 4)) for epoch in range(1, 13)],
    "lr": [(epoch, 0.001 * 0.9**epoch) for epoch in range(1, 13)],
    "train/examples_per_second": [(epoch, 1e4) for epoch in range(1, 13)],
}


def probabilities(truth: np.ndarray, classes: int) -> np.ndarray:
    logits = np.random.default_rng(1).normal(size=(len(truth), classes))
    logits[np.arange(len(truth)), truth] += 1.2
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.fixture
def multiclass() -> Results:
    truth = np.random.default_rng(0).integers(0, 3, 120)
    target = TargetSpec("multiclass", ("species",), ("Adelie", "Chinstrap", "Gentoo"))
    return Results(target, HISTORY, {"best/epoch": 7.0}, truth, probabilities(truth, 3))


@pytest.fixture
def binary() -> Results:
    truth = np.random.default_rng(0).integers(0, 2, 120)
    # A lone dollar sign, and a pair of them, would start a formula.
    target = TargetSpec("binary", ("income",), ("<=$50K", "$50K to $90K"))
    return Results(target, HISTORY, {}, truth, probabilities(truth, 2))


@pytest.fixture
def multilabel() -> Results:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, (90, 2)).astype(np.float32)
    prediction = np.clip(0.6 * truth + 0.4 * rng.random((90, 2)), 0, 1)
    return Results(TargetSpec("multilabel", ("x", "y"), ("x", "y")), HISTORY, {}, truth, prediction)


@pytest.fixture
def regression() -> Results:
    rng = np.random.default_rng(0)
    truth = rng.normal(150, 70, (90, 2))
    prediction = 150 + 0.6 * (truth - 150) + rng.normal(0, 30, (90, 2))
    return Results(TargetSpec("regression", ("north", "east")), HISTORY, {}, truth, prediction)


@pytest.fixture
def without_rows() -> Callable[[Results], list[Results]]:
    """The same run with an empty test part, and with none."""

    def make(results: Results) -> list[Results]:
        empty = replace(results, truth=results.truth[:0], prediction=results.prediction[:0])
        return [empty, replace(results, truth=None, prediction=None)]

    return make


@pytest.fixture
def is_png() -> Callable[[Path], bool]:
    """Whether a file is a whole PNG of at least 500 x 400 pixels."""
    from PIL import Image

    def check(path: Path) -> bool:
        with Image.open(path) as image:
            image.load()
            return image.format == "PNG" and image.width >= 500 and image.height >= 400

    return check
