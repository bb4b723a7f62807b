"""The tree of a checkpoint as JSON and back, each kind of value as it was: a tuple is no list, 1 no 1.0, -0.0 no 0.0.

Nothing, yes and no, texts, whole numbers of 64 bits, finite numbers and lists are what they are in JSON, and so is a
mapping whose keys are texts. All others are an object with one key that names the kind: `{"$tuple": [1, 2]}`. There are
as many kinds as stand here, and a tensor, which only is pointed at: its numbers are in the file beside the tree.
"""

from __future__ import annotations

import base64
import math
import re
import struct
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import torch

DEEPEST = 64
"""How many values may lie within each other."""
TENSOR = "$tensor"
METADATA = "_metadata"
"""What torch hangs onto the mapping of a module's state: the versions of its parts."""

_SHORT = 1 << 63
_DEVICE = re.compile(r"[a-z]{1,20}(:[0-9]{1,4})?")
_DTYPES = {str(found).removeprefix("torch."): found for found in vars(torch).values() if isinstance(found, torch.dtype)}

Path = tuple[str, ...]


class NotPlain(Exception):
    """A value that a checkpoint can't hold, and where in its tree it is."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self.what = what
        super().__init__(f"{'/'.join(path)}: {what}")


class NotOurs(Exception):
    """What is read is none that we have written."""


def to_json(value: Any, keep: Callable[[torch.Tensor, Path], dict[str, Any]], path: Path = ()) -> Any:
    """The tree in JSON's own values.

    Args:
        value: What a checkpoint holds.
        keep: Takes a tensor with its place in the tree, and answers with the node that points at it.
        path: Where in the tree this value is.

    Raises:
        NotPlain: something in it is no plain value.
    """
    if len(path) > DEEPEST:
        raise NotPlain(path[:6], f"more than {DEEPEST} values within each other")
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return value if _is_whole(value) else {"$text": _packed(value.encode("utf-8", "surrogatepass"))}
    if kind is int:
        return value if -_SHORT <= value < _SHORT else {"$int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"$float": _bits(value)}
    if kind is list:
        return _listed(value, keep, path)
    if kind is dict:
        return _mapping(value, keep, path)
    if isinstance(value, torch.Tensor):
        return keep(value, path)
    if kind in _WRITERS:
        word, write = _WRITERS[kind]
        return {word: write(value, keep, path)}
    raise NotPlain(path, f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins."))


def from_json(node: Any, give: Callable[[dict[str, Any]], torch.Tensor], depth: int = 0) -> Any:
    """The value that such a node stands for.

    Args:
        node: What `to_json` has made, as far as anybody knows.
        give: The tensor that a node points at.
        depth: In how many others it lies.

    Raises:
        NotOurs: it is not what `to_json` makes.
    """
    if depth > DEEPEST:
        raise NotOurs(f"more than {DEEPEST} values lie within each other")
    if isinstance(node, list):
        return [from_json(each, give, depth + 1) for each in node]
    if not isinstance(node, dict):
        return node
    word = next(iter(node), "")
    if not word.startswith("$"):
        if any(key.startswith("$") for key in node):
            raise NotOurs(f"a mapping has the key {ascii(next(key for key in node if key.startswith('$')))[:80]}")
        return {key: from_json(each, give, depth + 1) for key, each in node.items()}
    if word == TENSOR:
        return give(node)
    if word not in _READERS or len(node) != 1:
        raise NotOurs(f"{ascii(word)[:80]} is no kind of value")
    try:
        return _READERS[word](node[word], give, depth + 1)
    except (ValueError, TypeError, AttributeError, struct.error) as error:
        raise NotOurs(f"a {word!a} is not well formed: {' '.join(str(error).split())[:100]}") from error


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a character, as in the name of a file that is no UTF-8
        return False
    return True


def _packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _unpacked(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _bits(number: float) -> str:
    return struct.pack(">d", number).hex()


def _from_bits(text: str) -> float:
    (number,) = struct.unpack(">d", bytes.fromhex(text))
    return float(number)


def _listed(values: Iterable[Any], keep: Any, path: Path) -> list[Any]:
    return [to_json(each, keep, (*path, str(place))) for place, each in enumerate(values)]


def _mapping(value: dict[Any, Any], keep: Any, path: Path) -> dict[str, Any]:
    """As JSON's own object, where its keys are texts that nobody takes for a kind; else in pairs."""
    if all(type(key) is str and not key.startswith("$") and _is_whole(key) for key in value):
        return {key: to_json(each, keep, (*path, key)) for key, each in value.items()}
    pairs = []
    for key, each in value.items():
        below = (*path, _label(key))
        pairs.append([to_json(key, _no_key, below), to_json(each, keep, below)])
    return {"$dict": pairs}


def _label(key: Any) -> str:
    """A key in words; a number of thousands of digits has none."""
    return f"{key}" if type(key) is not int or abs(key) < _SHORT else "a large number"


def _no_key(_tensor: torch.Tensor, path: Path) -> Any:
    raise NotPlain(path, "a tensor as a key")


def _ordered(value: OrderedDict[Any, Any], keep: Any, path: Path) -> list[Any]:
    strange = [name for name in vars(value) if name != METADATA]
    if strange:
        raise NotPlain(path, f"a mapping with the attribute '{strange[0]}'")
    return [_mapping(value, keep, path), to_json(vars(value), keep, (*path, METADATA))]


def _read_mapping(node: Any, give: Any, depth: int) -> dict[Any, Any]:
    found = from_json(node, give, depth)
    if type(found) is not dict:
        raise NotOurs("something else stands in the place of a mapping")
    return found


def _read_pairs(node: Any, give: Any, depth: int) -> dict[Any, Any]:
    found = {}
    for key, each in node:
        name = from_json(key, give, depth)
        if isinstance(name, torch.Tensor):
            raise NotOurs("a key is a tensor")
        if name in found:
            raise NotOurs(f"the key {ascii(name)[:80]} stands twice")
        found[name] = from_json(each, give, depth)
    return found


def _read_ordered(node: Any, give: Any, depth: int) -> OrderedDict[Any, Any]:
    items, attributes = node
    found = OrderedDict(_read_mapping(items, give, depth - 1))
    for name, each in _read_mapping(attributes, give, depth).items():
        if name != METADATA or not isinstance(each, dict):
            raise NotOurs(f"a mapping has the attribute {ascii(name)[:80]}")
        vars(found)[name] = each
    return found


def _read_size(node: Any, _give: Any, _depth: int) -> torch.Size:
    if not isinstance(node, list) or not all(type(each) is int and 0 <= each < _SHORT for each in node):
        raise NotOurs("a shape is no list of whole numbers")
    return torch.Size(node)


def _read_complex(node: Any, _give: Any, _depth: int) -> complex:
    real, imaginary = _a_list(node)
    return complex(_from_bits(real), _from_bits(imaginary))


def _read_set(node: Any, give: Any, depth: int) -> list[Any]:
    """A set's values, each of which may stand once."""
    found = [from_json(each, give, depth) for each in _a_list(node)]
    if len(set(found)) != len(found):
        raise NotOurs("a value stands twice in a set")
    return found


def _a_list(node: Any) -> list[Any]:
    if not isinstance(node, list):
        raise NotOurs(f"{type(node).__name__} stands in the place of a list")
    return node


def _read_device(node: Any, _give: Any, _depth: int) -> torch.device:
    if not _DEVICE.fullmatch(node):
        raise NotOurs(f"{ascii(node)[:80]} is no device")
    try:
        return torch.device(node)
    except RuntimeError as error:
        raise NotOurs(f"{node!a} is no device") from error


def _read_dtype(node: Any, _give: Any, _depth: int) -> torch.dtype:
    if node not in _DTYPES:
        raise NotOurs(f"{ascii(node)[:80]} is no kind of number")
    return _DTYPES[node]


_WRITERS: dict[type, tuple[str, Callable[[Any, Any, Path], Any]]] = {
    tuple: ("$tuple", _listed),
    torch.Size: ("$size", lambda value, _keep, _path: list(value)),
    set: ("$set", _listed),
    frozenset: ("$frozenset", _listed),
    OrderedDict: ("$ordered", _ordered),
    Counter: ("$counter", _mapping),
    complex: ("$complex", lambda value, _keep, _path: [_bits(value.real), _bits(value.imag)]),
    bytes: ("$bytes", lambda value, _keep, _path: _packed(value)),
    torch.dtype: ("$dtype", lambda value, _keep, _path: str(value).removeprefix("torch.")),
    torch.device: ("$device", lambda value, _keep, _path: str(value)),
}

_READERS: dict[str, Callable[[Any, Any, int], Any]] = {
    "$text": lambda node, _give, _depth: _unpacked(node).decode("utf-8", "surrogatepass"),
    "$int": lambda node, _give, _depth: int(node, 16),
    "$float": lambda node, _give, _depth: _from_bits(node),
    "$dict": _read_pairs,
    "$tuple": lambda node, give, depth: tuple(from_json(each, give, depth) for each in _a_list(node)),
    "$size": _read_size,
    "$set": lambda node, give, depth: set(_read_set(node, give, depth)),
    "$frozenset": lambda node, give, depth: frozenset(_read_set(node, give, depth)),
    "$ordered": _read_ordered,
    "$counter": lambda node, give, depth: Counter(_read_mapping(node, give, depth - 1)),
    "$complex": _read_complex,
    "$bytes": lambda node, _give, _depth: _unpacked(node),
    "$dtype": _read_dtype,
    "$device": _read_device,
}
