"""How much of another row a mixture takes."""

from __future__ import annotations

import torch


def share_for(alpha: float) -> float:
    """A number from Beta(alpha, alpha), of torch's global generator: a run can be repeated."""
    # In float64: for a small alpha both of its gammas underflow in float32, and their ratio is NaN.
    return float(torch._sample_dirichlet(torch.tensor([alpha, alpha], dtype=torch.float64))[0])
