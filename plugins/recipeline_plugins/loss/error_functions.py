"""Losses that are a mean over a function of prediction and target, both (batch, targets)."""

from __future__ import annotations

import math

import torch
from torch.nn.functional import mse_loss, softplus


def root_mean_squared_error(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """sqrt(mean (prediction - target)²), with a gradient of 0 where it is 0."""
    mean = mse_loss(prediction, target)
    # The root of 0 has an infinite slope, and infinity times the 0 behind it is NaN: it must not be computed at all.
    return torch.where(mean > 0, torch.where(mean > 0, mean, 1).sqrt(), mean)


def log_cosh(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The mean of log cosh(prediction - target), by a form that doesn't overflow."""
    error = prediction - target
    return (error + softplus(-2 * error) - math.log(2)).mean()


def pinball(prediction: torch.Tensor, target: torch.Tensor, q: float) -> torch.Tensor:
    """The mean of max(q e, (q - 1) e) with e = target - prediction."""
    error = target - prediction
    return torch.maximum(q * error, (q - 1) * error).mean()


def poisson(log_rate: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """The mean of exp(log_rate) - count · log_rate."""
    return (log_rate.exp() - count * log_rate).mean()


def gaussian_nll(outputs: torch.Tensor, target: torch.Tensor, floor: float) -> torch.Tensor:
    """The mean of (log 2πv + (target - mean)² / v) / 2.

    Args:
        outputs: Mean and logarithm of the variance, side by side for each target: (batch, 2 · targets).
        target: (batch, targets).
        floor: Added to the variance.
    """
    mean, log_variance = outputs[:, ::2], outputs[:, 1::2]  # (batch, targets) each
    variance = log_variance.exp() + floor
    return (math.log(2 * math.pi) + variance.log() + (target - mean).square() / variance).mean() / 2
