"""Look at a checkpoint's file before torch reads it: what it may name is a short list, and nothing in it is packed.

torch writes tensors as they are, and the tree around them as a pickle. That is never given to `pickle`: torch's own
reader takes it with `weights_only`, which calls no function but those that make tensors. Here it is looked at first,
without carrying anything out, so that even those are only the ones that checkpoints are made of.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import torch

LARGEST_TREE = 500_000_000
"""Bytes of the tree around the tensors that are looked at most."""

NAMES = frozenset(
    {
        "collections OrderedDict",
        "collections Counter",
        "torch Size",
        "torch device",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_tensor_v3",
        "torch._utils _rebuild_parameter",
        "torch.storage UntypedStorage",
        "_codecs encode",
        "builtins set",
        "builtins complex",
        "__builtin__ set",
        "__builtin__ complex",
    }
)
"""What a tree may name beside torch's kinds of number and of storage."""
_UNKNOWN = frozenset({"STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4", "PERSID", "NEWOBJ_EX", "BYTEARRAY8"})
"""Steps of a pickle that torch does not write."""
EXPANDED = 100_000_000
"""Numbers that a tensor may have without memory behind each of them: torch can repeat one number endlessly."""


class NotOurs(Exception):
    """The file is none that torch writes of tensors and plain values."""


def inspect(file: BinaryIO) -> None:
    """Look through a checkpoint's file, which is read from its beginning afterwards.

    Raises:
        NotOurs: something in it is not as torch writes it, or it names what a checkpoint has no use for.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _entries(entries)
            trees = [entry for entry in entries if entry.filename.endswith("/data.pkl")]
            if len(trees) != 1 or trees[0].file_size > LARGEST_TREE:
                raise NotOurs("it has no tree of tensors, or one that is too large")
            _tree(archive.read(trees[0]))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as error:
        raise NotOurs(" ".join(str(error).split())[:200]) from error
    finally:
        file.seek(0)


def _entries(entries: list[zipfile.ZipInfo]) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        _, _, below = name.partition("/")
        plain = below in ("data.pkl", "byteorder", "version", ".format_version", ".storage_alignment") or (
            below.startswith(("data/", ".data/")) and below.count("/") == 1 and ".." not in below
        )
        if not plain or name in seen:
            raise NotOurs(f"{ascii(name)[:80]} is in it{' twice' if name in seen else ''}")
        if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size or entry.flag_bits & 1:
            raise NotOurs(f"{ascii(name)[:80]} is packed")
        seen.add(name)
    if len({name.partition("/")[0] for name in seen}) > 1:
        raise NotOurs("it holds more than one tree")


def _tree(content: bytes) -> None:
    """Every step of the pickle, read and not carried out."""
    for step, argument, _ in pickletools.genops(content):
        if step.name == "GLOBAL" and not _may_name(str(argument)):
            raise NotOurs(f"it names {ascii(argument)[:80]}")
        if step.name in _UNKNOWN:
            raise NotOurs(f"a {step.name} is in it")


def _may_name(name: str) -> bool:
    if name in NAMES:
        return True
    module, _, word = name.partition(" ")
    if module not in ("torch", "torch.cuda"):
        return False
    return (word.isalnum() and word.endswith("Storage")) or isinstance(getattr(torch, word, None), torch.dtype)


def check_sizes(loaded: Any) -> None:
    """See that no tensor claims far more numbers than there is memory behind it.

    Raises:
        NotOurs: one does.
    """
    for tensor in _tensors(loaded):
        if tensor.numel() > EXPANDED and tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise NotOurs(
                f"a tensor claims {tensor.numel():,} numbers and has {tensor.untyped_storage().nbytes():,} bytes"
            )


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    waiting, seen = [value], set()
    while waiting:
        each = waiting.pop()
        if isinstance(each, torch.Tensor):
            yield each
        elif isinstance(each, dict | list | tuple | set):
            if id(each) in seen:
                continue
            seen.add(id(each))
            waiting += [*each.keys(), *each.values()] if isinstance(each, dict) else list(each)
