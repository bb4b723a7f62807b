"""A checkpoint's file: the tensors as safetensors keeps them, and the tree around them as JSON among them.

    8 bytes        length of the header
    header         JSON: each tensor's name, kind of number, shape and place (see `header.py`)
    tensors        their numbers in the order of their rows, little-endian, one behind the other without a gap
    tree.json      the last of them: the tree (see `tree.py`), in which a tensor stands by its name

Any reader of safetensors opens it, and none of it is a program: what is read are numbers, texts and a dozen kinds of
containers. Written and read by hand: safetensors' own writer refuses tensors that share memory or lie in another order,
brings all of a GPU's down at once, and has an error of its own for a full disk. A file is measured before anything is
made of it.

A tensor that stands at several places of the tree is written once, and is one again. Views of a common storage have
memory of their own afterwards, with the same numbers. Strides are kept where a tensor's numbers lie without gaps.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

import torch

from recipeline.training.header import (
    ABOUT,
    DTYPES,
    LARGEST,
    NAMES,
    Later,
    Place,
    are_lengths,
    loaded,
    measured,
    rendered,
)
from recipeline.training.tree import TENSOR, NotOurs, NotPlain, Path, from_json, to_json

__all__ = ["Earlier", "Later", "NotOurs", "NotPlain", "Planned", "digest", "planned", "read"]

TREE = "tree.json"
LARGEST_TREE = 100_000_000
"""Bytes of a tree at most: as Python's values it takes ten times as much."""
_ARCHIVE = b"PK\x03\x04"
"""How torch's own files begin."""

_HALVES = {torch.complex64: torch.float32, torch.complex128: torch.float64}
"""A complex number is written as two: of the two kinds of them safetensors knows one."""


class Earlier(NotOurs):
    """The file is one of torch's own, as checkpoints were at first."""


class Sink(Protocol):
    """What can be written to."""

    def write(self, content: Any, /) -> Any:
        """Take all of it."""


@dataclass(slots=True)
class Planned:
    """A checkpoint's file before it is written."""

    head: bytes
    tensors: list[torch.Tensor]
    """In the order of the file: each is copied when its turn comes, where it has to be."""
    tree: bytes
    size: int
    """Bytes of the whole file."""

    def write(self, file: Sink) -> None:
        """Write it."""
        for part in self.parts():
            file.write(part)

    def parts(self) -> Iterator[bytes | memoryview]:
        """Its bytes, a tensor at a time."""
        yield self.head
        for tensor in self.tensors:
            if tensor.numel():
                yield _bytes_of(_plain(tensor)).numpy().data
        yield self.tree


def planned(value: Any) -> Planned:
    """How a checkpoint is written: all of it is looked at, and no tensor copied.

    Raises:
        NotPlain: something in it is neither a tensor nor a plain value.
    """
    kept = _Kept()
    tree = json.dumps(to_json(value, kept.keep), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    if len(tree) > LARGEST_TREE:
        raise NotPlain((), f"{len(tree):,} bytes of values that are not in tensors")
    kept.entries.sort(key=lambda entry: -entry.itemsize)  # each begins where its kind of number may
    places, end = [], 0
    for entry in kept.entries:
        places.append((entry.name, Place(entry.dtype, entry.shape, end, end + entry.bytes)))
        end += entry.bytes
    places.append((TREE, Place("U8", (len(tree),), end, end + len(tree))))
    head = rendered(places)
    if len(head) > LARGEST:
        raise NotPlain((), f"{len(places):,} tensors")
    return Planned(head, [entry.tensor for entry in kept.entries], tree, len(head) + end + len(tree))


def digest(value: Any) -> str:
    """The sha256 of the file that it would be: another one where a single bit of it is another."""
    found = hashlib.sha256()
    for part in planned(value).parts():
        found.update(part)
    return found.hexdigest()


def read(file: BinaryIO, device: Any = "cpu") -> Any:
    """What a checkpoint's file holds.

    Raises:
        Earlier: it is one of torch's own files.
        Later: a version of recipeline that is not known yet has written it.
        NotOurs: it is not what `Planned` writes.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    begin = file.read(8)
    if begin.startswith(_ARCHIVE):
        raise Earlier("a file of torch's own kind")
    length = int.from_bytes(begin, "little")
    if len(begin) < 8 or length > min(LARGEST, size - 8):
        raise NotOurs(f"its {size:,} bytes have no header, or one that is too long")
    table = measured(file.read(length), size - 8 - length)
    given = _Given(file, 8 + length, table, device)
    tree = table.pop(TREE, None)
    if tree is None or tree.dtype != "U8" or len(tree.shape) != 1 or tree.end - tree.begin > LARGEST_TREE:
        raise NotOurs("it has no tree, or one that is too large")
    file.seek(8 + length + tree.begin)
    value = from_json(loaded(file.read(tree.end - tree.begin), "tree"), given.give)
    for name in table:
        if name not in given.made:
            raise NotOurs(f"the tensor {ascii(name)[:80]} has no place in its tree")
    return value


@dataclass(frozen=True, slots=True)
class _Entry:
    """A tensor that is to be written."""

    name: str
    tensor: torch.Tensor
    dtype: str
    shape: tuple[int, ...]
    itemsize: int

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.itemsize


@dataclass(slots=True)
class _Kept:
    """The tensors of a tree, each once."""

    entries: list[_Entry] = field(default_factory=list)
    names: set[str] = field(default_factory=lambda: {TREE, ABOUT})
    known: dict[tuple[Any, ...], dict[str, Any]] = field(default_factory=dict)

    def keep(self, tensor: torch.Tensor, path: Path) -> dict[str, Any]:
        """The node that points at it."""
        dtype = _HALVES.get(tensor.dtype, tensor.dtype)
        _check(tensor, dtype, path)
        parameter = {"parameter": tensor.requires_grad} if type(tensor) is torch.nn.Parameter else {}
        view = (
            tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride(), tensor.dtype,
            tensor.device, tensor.is_conj(), tensor.is_neg(),
        )  # fmt: skip
        if not tensor.numel() or view not in self.known:
            node: dict[str, Any] = {TENSOR: self._new(path)}
            pairs = (2,) if tensor.is_complex() else ()
            if pairs:
                node["complex"] = True
            if not tensor.is_contiguous() and _is_dense(tensor.shape, tensor.stride()):
                node["strides"] = list(tensor.stride())
            shape = (*tensor.shape, *pairs)
            self.entries.append(_Entry(node[TENSOR], tensor, NAMES[dtype], shape, dtype.itemsize))
            self.known[view] = node
        return self.known[view] | parameter

    def _new(self, path: Path) -> str:
        """A name that says where it stands, given once."""
        name = first = "/".join(path)[:300].encode("utf-8", "replace").decode() or "tensor"
        number = 1
        while name in self.names:
            number += 1
            name = f"{first}#{number}"
        self.names.add(name)
        return name


def _check(tensor: torch.Tensor, dtype: torch.dtype, path: Path) -> None:
    """See that it is numbers and nothing else.

    Raises:
        NotPlain: it is not.
    """
    if type(tensor) not in (torch.Tensor, torch.nn.Parameter):
        raise NotPlain(path, f"a tensor of the kind {type(tensor).__module__}.{type(tensor).__qualname__}")
    if tensor.layout is not torch.strided or tensor.device.type == "meta":
        raise NotPlain(path, f"a tensor of the layout {tensor.layout} on the device {tensor.device}")
    if dtype not in NAMES:
        raise NotPlain(path, f"a tensor of {tensor.dtype}")


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """Its numbers on the CPU, row by row; a copy only where they are not."""
    plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous()
    return torch.view_as_real(plain) if plain.is_complex() else plain


def _bytes_of(plain: torch.Tensor) -> torch.Tensor:
    """The bytes of a tensor as a file has them; on most machines its own memory."""
    raw = plain.as_strided((plain.numel(),), (1,)).view(torch.uint8)  # of one number torch keeps any stride
    return raw if sys.byteorder == "little" else raw.view(-1, plain.element_size()).flip(1).reshape(-1)


def _is_dense(shape: Any, strides: Any) -> bool:
    """Whether the numbers lie without gaps, none of them twice, in whatever order of the dimensions."""
    expected = 1
    for stride, size in sorted((stride, size) for stride, size in zip(strides, shape, strict=True) if size != 1):
        if stride != expected:
            return False
        expected *= size
    return True


@dataclass(slots=True)
class _Given:
    """The tensors of a file, each made when its place in the tree is read."""

    file: BinaryIO
    start: int
    table: dict[str, Place]
    device: Any
    made: dict[str, tuple[torch.Tensor, dict[str, Any]]] = field(default_factory=dict)

    def give(self, node: dict[str, Any]) -> torch.Tensor:
        """The tensor that a node points at."""
        parameter = node.pop("parameter", None)
        name = node[TENSOR]
        if not isinstance(name, str) or name not in self.table or not node.keys() <= {TENSOR, "complex", "strides"}:
            raise NotOurs(f"its tree points at {ascii(name)[:80]}, where no tensor is")
        if name not in self.made:
            self.made[name] = self._made(name, node).to(self.device), node
        tensor, first = self.made[name]
        if node != first:
            raise NotOurs(f"the tensor {ascii(name)[:80]} is said to be of two kinds")
        if parameter is None:
            return tensor
        if type(parameter) is not bool or (parameter and not (tensor.is_floating_point() or tensor.is_complex())):
            raise NotOurs(f"the tensor {ascii(name)[:80]} is no parameter")
        return torch.nn.Parameter(tensor, requires_grad=parameter)

    def _made(self, name: str, node: dict[str, Any]) -> torch.Tensor:
        place = self.table[name]
        dtype = DTYPES[place.dtype]
        tensor = torch.empty(place.shape, dtype=dtype)
        self._fill(tensor, place)
        if node.get("complex", False) is not False:
            if node["complex"] is not True or place.shape[-1:] != (2,) or dtype not in _HALVES.values():
                raise NotOurs(f"the tensor {ascii(name)[:80]} does not hold complex numbers")
            tensor = torch.view_as_complex(tensor)
        if "strides" in node:
            strides = node["strides"]
            if not are_lengths(strides) or len(strides) != tensor.dim() or not _is_dense(tensor.shape, strides):
                raise NotOurs(f"the tensor {ascii(name)[:80]} can't have the strides {ascii(strides)[:80]}")
            tensor = torch.empty_strided(tuple(tensor.shape), strides, dtype=tensor.dtype).copy_(tensor)
        return tensor

    def _fill(self, tensor: torch.Tensor, place: Place) -> None:
        if not tensor.numel():
            return
        self.file.seek(self.start + place.begin)
        raw = tensor.view(-1).view(torch.uint8)
        if self.file.readinto(raw.numpy().data) != place.end - place.begin:  # type: ignore[attr-defined]
            raise NotOurs("it ends before its tensors do")
        if sys.byteorder != "little":
            raw.copy_(raw.view(-1, tensor.element_size()).flip(1).reshape(-1))
        if tensor.dtype is torch.bool and bool((raw > 1).any()):
            raise NotOurs("a truth value in it is neither yes nor no")
