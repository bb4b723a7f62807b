"""A batch on its way from one process to another: one piece of shared memory, of which only the handle is sent.

On Linux that is memory without a name, sent over the connection itself. torch's own way asks the other process for
every piece over a second connection, which takes twenty times as long, and fills /dev/shm, of which containers have
little. Elsewhere torch's way is taken.
"""

from __future__ import annotations

import mmap
import os
from multiprocessing import reduction
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.multiprocessing  # so that a tensor can be sent

from recipeline.data.cutting import Batch

ALIGNED = 64
"""Bytes at whose multiples each tensor begins, as those do that torch makes by itself."""

BY_HANDLE = hasattr(os, "memfd_create") and hasattr(reduction, "send_handle")
_Layout = list[tuple[torch.dtype, tuple[int, ...], tuple[int, ...], int]]
"""Type, shape, strides and offset of each tensor of a batch, the target last."""


def send(connection: Connection, about: Any, batch: Batch) -> None:
    """Send a batch, and a word about it."""
    blocks, target = batch
    layout: _Layout = []
    size = 0
    for tensor in (*blocks, target):
        layout.append((tensor.dtype, tuple(tensor.shape), tuple(tensor.stride()), size // tensor.element_size()))
        size += -(-_extent(tensor) * tensor.element_size() // ALIGNED) * ALIGNED
    if not BY_HANDLE:
        whole = torch.empty(size, dtype=torch.uint8)
        _fill(whole, layout, batch)
        connection.send((about, layout, whole))
        return
    handle = os.memfd_create("recipeline-batch")
    try:
        os.ftruncate(handle, max(size, 1))
        _fill(_mapped(handle, size), layout, batch)
        connection.send((about, layout, size))
        reduction.send_handle(connection, handle, 0)
    finally:
        os.close(handle)


def receive(connection: Connection) -> tuple[Any, Batch | None]:
    """The word, and the batch; None where something else was sent.

    Raises:
        EOFError: nobody sends any more.
    """
    about, layout, whole = connection.recv()
    if layout is None:
        return about, None
    if BY_HANDLE:
        handle = reduction.recv_handle(connection)
        try:
            whole = _mapped(handle, whole)
        finally:
            os.close(handle)
    *blocks, target = [_view(whole, *each) for each in layout]
    return about, (tuple(blocks), target)


def send_word(connection: Connection, about: Any) -> None:
    """Send a word without a batch."""
    connection.send((about, None, None))


def _mapped(handle: int, size: int) -> torch.Tensor:
    # All pages at once: one by one they would be found missing when they are touched.
    mapped = mmap.mmap(handle, max(size, 1), flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
    return torch.frombuffer(mapped, dtype=torch.uint8)


def _fill(whole: torch.Tensor, layout: _Layout, batch: Batch) -> None:
    for each, tensor in zip(layout, (*batch[0], batch[1]), strict=True):
        _view(whole, *each).copy_(tensor)


def _extent(tensor: torch.Tensor) -> int:
    """How many numbers it stretches over, those included that were cut off.

    A kernel may choose its way by the strides, so that they stay what they are.
    """
    if not tensor.numel():
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))


def _view(
    whole: torch.Tensor, dtype: torch.dtype, shape: tuple[int, ...], stride: tuple[int, ...], offset: int
) -> torch.Tensor:
    return torch.empty(0, dtype=dtype).set_(whole.untyped_storage(), offset, shape, stride)
