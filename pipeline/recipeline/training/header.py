"""The header of a checkpoint's file, in the form of safetensors: which tensors it holds, and where; measured when read.

    {"__metadata__": {"format": "recipeline checkpoint", "version": "1"},
     "state_dict/weight": {"dtype": "F32", "shape": [8, 4], "data_offsets": [0, 128]}, ...}

What a file says of itself is compared with its length before memory is taken for any of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from recipeline.storage.plain import strict_json
from recipeline.training.tree import NotOurs

ABOUT = "__metadata__"
KIND = "recipeline checkpoint"
VERSION = "1"
LARGEST = 100_000_000
"""Bytes of a header at most, as in safetensors."""
MOST_DIMENSIONS = 64
_ALIGNED = 8

DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, theirs)
    for name, theirs in {
        "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
        "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
        "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    }.items()
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Later(NotOurs):
    """The file is of a version that is not known yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """A tensor of the file: its numbers, and where they are behind the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def rendered(places: Iterable[tuple[str, Place]]) -> bytes:
    """The header's bytes, its length in front."""
    header: dict[str, Any] = {ABOUT: {"format": KIND, "version": VERSION}}
    for name, place in places:
        header[name] = {"dtype": place.dtype, "shape": place.shape, "data_offsets": [place.begin, place.end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNED)
    return len(text).to_bytes(8, "little") + text


def measured(content: bytes, room: int) -> dict[str, Place]:
    """The header's tensors, which fill the room behind it without gap and overlap.

    Raises:
        NotOurs: they don't, or a version that is not known has written it.
    """
    header = loaded(content, "header")
    about = header.pop(ABOUT, None) if isinstance(header, dict) else None
    if not isinstance(about, dict) or about.get("format") != KIND:
        raise NotOurs("its header does not say that it is a checkpoint")
    if about != {"format": KIND, "version": VERSION}:
        raise Later(f"version {ascii(about.get('version'))[:20]} of the format")
    table = {name: _place(name, said) for name, said in header.items()}
    end = 0
    for name, place in sorted(table.items(), key=lambda item: (item[1].begin, item[1].end)):
        if place.begin != end:
            raise NotOurs(f"the tensor {ascii(name)[:80]} begins at {place.begin:,} in place of {end:,}")
        end = place.end
    if end != room:
        raise NotOurs(f"its tensors have {end:,} bytes, and it has {room:,} for them")
    return table


def _place(name: str, said: Any) -> Place:
    if not isinstance(said, dict) or said.keys() != {"dtype", "shape", "data_offsets"}:
        raise NotOurs(f"of the tensor {ascii(name)[:80]} the header does not say dtype, shape and data_offsets")
    dtype, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise NotOurs(f"the tensor {ascii(name)[:80]} is of {ascii(dtype)[:40]}, which is no kind of number")
    if not are_lengths(shape) or not are_lengths(offsets) or len(offsets) != 2 or len(shape) > MOST_DIMENSIONS:
        raise NotOurs(f"shape or place of the tensor {ascii(name)[:80]} are no whole numbers from 0 on")
    begin, end = offsets
    if end - begin != math.prod(shape) * DTYPES[dtype].itemsize:
        raise NotOurs(f"the tensor {ascii(name)[:80]} of shape {ascii(shape)[:80]} has {end - begin:,} bytes")
    return Place(dtype, tuple(shape), begin, end)


def are_lengths(values: Any) -> bool:
    """Whether this is a list of whole numbers from 0 on, each within 64 bits."""
    return isinstance(values, list) and all(type(each) is int and 0 <= each < 1 << 63 for each in values)


def loaded(content: bytes, what: str) -> Any:
    """What a JSON document says.

    Raises:
        NotOurs: it is none.
    """
    try:
        return strict_json(content)
    except RecursionError:
        raise NotOurs(f"its {what} is nested too deeply") from None
    except ValueError as error:
        raise NotOurs(f"its {what} can't be read: {' '.join(str(error).split())[:120]}") from error
