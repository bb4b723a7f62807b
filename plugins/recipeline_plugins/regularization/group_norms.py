"""Weights in groups: one a slice of a matrix or kernel along one of its first two dimensions."""

from __future__ import annotations

import math

import torch


def group_norms(weight: torch.Tensor, axis: int) -> tuple[torch.Tensor, int]:
    """The Euclidean norm of each slice along `axis`, with all dimensions kept, and how many numbers a slice has."""
    others = [dimension for dimension in range(weight.ndim) if dimension != axis]
    size = math.prod(weight.shape[dimension] for dimension in others)
    # Its slope at a slice of zeros is 0, which is one of the norm's subgradients there.
    return torch.linalg.vector_norm(weight, dim=others, keepdim=True), size


def shrunk(weight: torch.Tensor, amount: float, axis: int) -> torch.Tensor:
    """The w that makes amount · sum sqrt(size) ||w_group|| + |w - weight|² / 2 least: groups shortened, or zero."""
    norms, size = group_norms(weight, axis)
    least = amount * size**0.5
    return weight * torch.where(norms > least, 1 - least / norms.clamp(min=torch.finfo(norms.dtype).tiny), 0)


def limited(weight: torch.Tensor, maximum: float) -> torch.Tensor:
    """The nearest weights whose slices along the first dimension have a norm of at most `maximum`."""
    norms, _ = group_norms(weight, 0)
    return weight * (maximum / norms.clamp(min=maximum))
