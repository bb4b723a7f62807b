"""How much of another row a mixture takes."""

from __future__ import annotations

import torch


def share_for(alpha: float) -> float:
    """A number from Beta(alpha, alpha), of torch's global generator: a run can be repeated."""
    # By the logarithms of two gamma numbers, G(alpha) = G(alpha + 1) U^(1 / alpha): for a small alpha the numbers
    # themselves are both 0, and the share of one in the other is not known.
    wide = torch.full((2,), alpha + 1, dtype=torch.float64)
    logs = torch._standard_gamma(wide).log() + torch.rand(2, dtype=torch.float64).log() / alpha
    return float((logs[0] - logs[1]).sigmoid())
