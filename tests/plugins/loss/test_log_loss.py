import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy.special import expit, softmax
from sklearn import metrics

from recipeline import TargetSpec
from recipeline_plugins.loss.log_loss import LogLoss

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(40, 3)) * 3
Y = RNG.integers(0, 3, 40)
CLASSES = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 22))
LABELS = TargetSpec("multilabel", ("p", "q", "r"), ("p", "q", "r"), (9, 9, 22))


def test_equals_scikit_learn_for_classes() -> None:
    value = LogLoss().build(CLASSES)(torch.tensor(Z), torch.tensor(Y)).item()
    assert value == pytest.approx(metrics.log_loss(Y, softmax(Z, axis=1)), rel=1e-12)


def test_equals_scikit_learn_for_labels() -> None:
    labels = RNG.integers(0, 2, (40, 3)).astype(float)
    expected = np.mean([metrics.log_loss(labels[:, i], expit(Z[:, i])) for i in range(3)])
    assert LogLoss().build(LABELS)(torch.tensor(Z), torch.tensor(labels)).item() == pytest.approx(expected, rel=1e-10)


def test_a_certain_error_neither_overflows_nor_is_cut_off() -> None:
    z = torch.tensor([[1000.0, 0.0, 0.0]], requires_grad=True)
    value = LogLoss().build(CLASSES)(z, torch.tensor([1]))
    (slope,) = torch.autograd.grad(value, z)
    assert value.item() == 1000
    assert slope.tolist() == [[1.0, -1.0, 0.0]]


def test_has_no_settings() -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        LogLoss.model_validate({"eps": 1e-15})
