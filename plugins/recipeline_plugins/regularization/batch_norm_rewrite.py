"""Finding a network's hidden layers and putting batch normalization behind them."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

LAYERS: dict[type[nn.Module], type[nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d]] = {
    nn.Conv1d: nn.BatchNorm1d,
    nn.Conv2d: nn.BatchNorm2d,
    nn.Conv3d: nn.BatchNorm3d,
}
NORMALIZATIONS = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.instancenorm._InstanceNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)


class UnitNorm(nn.BatchNorm1d):
    """Batch normalization of the last dimension, whatever stands before it.

    A single row has no spread: it is normalized by the running numbers and leaves them as they are.
    """

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  # torch's name for it
        """(batch, ..., width) to the same shape."""
        rows = input.reshape(-1, input.shape[-1])
        if self.training and len(rows) == 1:
            out = nn.functional.batch_norm(
                rows, self.running_mean, self.running_var, self.weight, self.bias, training=False, eps=self.eps
            )
        else:
            out = super().forward(rows)
        return out.reshape(input.shape)


def add_batch_norm(model: nn.Module, momentum: float, eps: float) -> int:
    """Replace each hidden layer by itself followed by normalization, in place; how many there were."""
    kinds: tuple[type[nn.Module], ...] = (nn.Linear, *LAYERS)
    # Attention reads the weights of its output layer instead of calling it.
    hidden = {id(child) for m in model.modules() if isinstance(m, nn.MultiheadAttention) for child in m.children()}
    skipped = hidden | _normalized(model)
    layers = [(path, m) for path, m in model.named_modules(remove_duplicate=False) if isinstance(m, kinds)]
    made: dict[int, nn.Module] = {}
    for path, layer in layers:
        if not path or layer is layers[-1][1] or id(layer) in skipped:
            continue
        if id(layer) not in made:
            made[id(layer)] = nn.Sequential(layer, _norm(layer, momentum, eps))
        model.set_submodule(path, made[id(layer)])
    return len(made)


def _norm(layer: nn.Module, momentum: float, eps: float) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return UnitNorm(layer.out_features, eps=eps, momentum=momentum)
    kind = next(norm for cls, norm in LAYERS.items() if isinstance(layer, cls))
    channels = layer.out_channels
    assert isinstance(channels, int)
    return kind(channels, eps=eps, momentum=momentum)


def _normalized(model: nn.Module) -> set[int]:
    """Layers with a normalization right behind them. Only inside a Sequential is the order known."""
    found = set()
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            children = list(module)
            found |= {id(layer) for layer, behind in pairwise(children) if isinstance(behind, NORMALIZATIONS)}
    return found
