"""The metrics of a part with fewer rows than there are processes: those who had none take part in the exchange too."""

from __future__ import annotations

from typing import Any

import torch
from torchmetrics import Metric, MetricCollection

from recipeline.data.batches import Batches

_Shapes = dict[str, tuple[tuple[int, ...], torch.dtype]]
"""By state: its shape, and the type of its numbers."""


def someone_is_idle(loader: object, world: int) -> bool:
    """Whether a process gets no row of the part that this loader is of."""
    return isinstance(loader, Batches) and loader.everyones < world


def give_shape(metrics: MetricCollection) -> None:
    """Let the metrics of a process without rows have states of the shapes that others have, with nothing in them.

    Before its first value a metric does not know the number of dimensions, nor always the type; and processes that
    exchange tensors of different shapes wait for each other forever, or end each other.
    """
    mine = [_shapes(metric) if metric.update_called else {} for metric in _all(metrics)]
    everyones: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(everyones, mine)
    for number, metric in enumerate(_all(metrics)):
        known: _Shapes = next((each[number] for each in everyones if each[number]), {})
        if metric.update_called or not known:
            continue
        for name, (shape, dtype) in known.items():
            value = getattr(metric, name)
            if isinstance(value, list):
                setattr(metric, name, [torch.empty((0, *shape[1:]), dtype=dtype, device=metric.device)])
            else:
                setattr(metric, name, value.to(dtype).expand(shape).clone())
        metric._update_count = 1  # it has counted all of its rows: none


def _shapes(metric: Metric) -> _Shapes:
    """The shape and type of each state; of one that is a list those of the first value in it."""
    found = {}
    for name in metric._defaults:
        value = getattr(metric, name)
        first = value[0] if isinstance(value, list) and value else value
        if isinstance(first, torch.Tensor):
            found[name] = (tuple(first.shape), first.dtype)
    return found


def _all(metrics: MetricCollection) -> list[Metric]:
    """Every metric, those inside of others included, in an order that is the same on every process."""
    return [module for module in metrics.modules() if isinstance(module, Metric)]
