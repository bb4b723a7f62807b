"""The module of `momentum`."""

from __future__ import annotations

import torch
from torch import nn

from recipeline import LossFunction


class MomentumLoss(nn.Module):
    """(1 - beta) L + beta <m, θ>, with m the exponential mean of L's past gradients.

    Its value has a graph of its own, made of θ alone: L's gradient is taken here once, because the next mean needs it
    without the penalties that stand beside the loss. Whether a step has been made since is seen by the version that
    torch counts of every parameter; several batches for one step have their gradients averaged.
    """

    def __init__(self, inner: LossFunction, beta: float) -> None:
        super().__init__()
        self.inner = inner
        self.beta = beta
        self._parameters_of: list[nn.Parameter] = []
        self._versions: list[int] = []
        self.register_buffer("pending", torch.zeros((), dtype=torch.int64))

    def attach(self, network: nn.Module) -> None:
        """Note the parameters, the inner loss's among them, and start from a mean of zero."""
        own = list(self.inner.parameters()) if isinstance(self.inner, nn.Module) else []
        self._parameters_of = [p for p in (*network.parameters(), *own) if p.requires_grad]
        for index, parameter in enumerate(self._parameters_of):
            self.register_buffer(f"mean_{index}", torch.zeros_like(parameter, requires_grad=False))
            self.register_buffer(f"sum_{index}", torch.zeros_like(parameter, requires_grad=False))

    def reported(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """L itself."""
        return self.inner(prediction, target)

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """The loss of a batch while training; L in evaluation, and of predictions that no network made."""
        loss = self.inner(prediction, target)
        if not (self.training and torch.is_grad_enabled() and self._parameters_of):
            return loss
        self._remember_step()
        gradients = torch.autograd.grad(loss, self._parameters_of, allow_unused=True, materialize_grads=True)
        value = (1 - self.beta) * loss.detach()
        with_graph = value.new_zeros(())
        for index, (parameter, gradient) in enumerate(zip(self._parameters_of, gradients, strict=True)):
            mean = self.get_buffer(f"mean_{index}")
            self.get_buffer(f"sum_{index}").add_(gradient)
            value = value + self.beta * (mean * parameter.detach()).sum()
            slope = (1 - self.beta) * gradient + self.beta * mean
            with_graph = with_graph + (slope * parameter).sum()
        self.get_buffer("pending").add_(1)
        return value + with_graph - with_graph.detach()

    @torch.no_grad()
    def _remember_step(self) -> None:
        """Take the gradients since the last step into the mean, if a step has been made from them."""
        versions = [p._version for p in self._parameters_of]
        if versions == self._versions:
            return
        self._versions = versions
        count = self.get_buffer("pending")
        if count == 0:
            return
        for index in range(len(self._parameters_of)):
            total = self.get_buffer(f"sum_{index}")
            self.get_buffer(f"mean_{index}").lerp_(total / count, 1 - self.beta)
            total.zero_()
        count.zero_()
