"""A tree comes back as it was, to the kind of each value and the bits of each number; what can't is refused by name."""

import json
import math
import struct
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recipeline.storage.plain import strict_json
from recipeline.training.tree import DEEPEST, NotOurs, NotPlain, from_json, to_json

Pair = namedtuple("Pair", "a b")


class Number(IntEnum):
    ONE = 1


def no_tensor(*_):
    raise AssertionError("there is no tensor")


def there_and_back(value):
    text = json.dumps(to_json(value, no_tensor), ensure_ascii=False, allow_nan=False)
    return from_json(strict_json(text.encode()), no_tensor)


def same(one, other):
    """Whether two values are the same in kind, order and bits."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return struct.pack(">d", one) == struct.pack(">d", other)
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    if isinstance(one, dict):
        pairs = zip(one.items(), other.items(), strict=True)
        return len(one) == len(other) and all(same(a, c) and same(b, d) for (a, b), (c, d) in pairs)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


texts = st.text(st.characters(exclude_categories=()), max_size=8) | st.sampled_from(["$", "$tuple", "$tensor", "a/b"])
wholes = st.integers() | st.integers(2**63 - 2, 2**64) | st.integers(-(2**65), 0)
plain = st.none() | st.booleans() | texts | wholes | st.binary(max_size=8)
leaves = plain | st.floats() | st.complex_numbers()
sizes = st.builds(torch.Size, st.lists(st.integers(0, 2**40), max_size=3))
others = (
    st.sampled_from([torch.float32, torch.bfloat16, torch.bool, torch.device("cpu"), torch.device("cuda:1")]) | sizes
)
hashable = plain | st.floats(allow_nan=False) | st.complex_numbers(allow_nan=False)  # which is equal to nothing
keys = st.recursive(hashable, lambda below: st.tuples(below, below) | st.frozensets(below, max_size=2), max_leaves=3)
trees = st.recursive(
    leaves | others,
    lambda below: (
        st.lists(below, max_size=4)
        | st.lists(below, max_size=4).map(tuple)
        | st.dictionaries(texts, below, max_size=4)
        | st.dictionaries(keys, below, max_size=4)
        | st.dictionaries(keys, below, max_size=3).map(OrderedDict)
        | st.dictionaries(keys, st.integers(), max_size=3).map(Counter)
        | st.sets(keys, max_size=3)
    ),
    max_leaves=20,
)


@given(trees)
@settings(max_examples=120, deadline=None)
def test_every_tree_comes_back_as_it_was(tree):
    assert same(there_and_back(tree), tree)


@pytest.mark.parametrize(
    "value",
    [10**5000, -(10**5000), {10**5000: 1}, math.nan, -math.inf, -0.0, 5e-324, "a\udc80", {"\ud800": 1}],
    ids=lambda value: type(value).__name__,
)
def test_what_json_has_no_word_for_comes_back_too(value):
    assert same(there_and_back([value]), [value])


def test_a_payload_of_nan_is_kept():
    (odd,) = struct.unpack(">d", bytes.fromhex("7ff8000000000abc"))
    assert same(there_and_back(odd), odd)


def test_the_versions_that_torch_hangs_onto_a_modules_state_are_kept():
    state = torch.nn.BatchNorm1d(2).state_dict()
    found = from_json(to_json(state, lambda *_: {"$tensor": "x"}), lambda _node: torch.zeros(1))
    assert type(found) is OrderedDict
    assert found._metadata == state._metadata == OrderedDict({"": {"version": 2}})


@pytest.mark.parametrize(
    ("wrap", "deep"),
    [
        (lambda value: [value], DEEPEST),
        (lambda value: {1: value}, DEEPEST),
        (lambda value: (value,), DEEPEST),
        (lambda value: OrderedDict(a=value), DEEPEST),
        (lambda value: OrderedDict({1: value}), DEEPEST),
    ],
)
def test_the_deepest_that_is_written_is_read(wrap, deep):
    value = 1
    for _ in range(deep):
        value = wrap(value)
    assert same(there_and_back(value), value)
    with pytest.raises(NotPlain, match=f"more than {DEEPEST} values within each other"):
        to_json(wrap(value), no_tensor)


def test_what_holds_itself_is_refused():
    circle = []
    circle.append(circle)
    with pytest.raises(NotPlain, match="within each other"):
        to_json(circle, no_tensor)


class Kept:
    """What a plugin should not keep."""


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.float64(1.5), "numpy.float64"), (np.zeros(2), "numpy.ndarray"), (Kept(), "Kept"), (print, "function"),
        (bytearray(2), "bytearray"), (defaultdict(int), "collections.defaultdict"), (Pair(1, 2), "Pair"),
        (Kept, "type"), (Number.ONE, "Number"), (range(3), "range"), ({1: 2}.items(), "dict_items"),
    ],
)  # fmt: skip
def test_what_is_no_plain_value_is_refused_with_its_place(value, what):
    trees = [[1, value], {"1": value}, (1, {"a": value})]
    if type(value).__hash__ is not None and not isinstance(value, range):
        trees += [{1: 2, value: 3}, {1, value}] if value != 1 else []
    for tree in trees:
        with pytest.raises(NotPlain) as refused:
            to_json({"callbacks": {"Mine": tree}}, no_tensor)
        assert what in refused.value.what
        assert refused.value.path[:2] == ("callbacks", "Mine")
        assert len(refused.value.path) > 2


def test_an_attribute_of_an_ordered_mapping_is_refused():
    value = OrderedDict(a=1)
    value.owner = "me"
    with pytest.raises(NotPlain, match="state: a mapping with the attribute 'owner'"):
        to_json({"state": value}, no_tensor)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"$object": ["os", "system"]}, "'\\$object' is no kind of value"),
        ({"$reduce": ["os.system", "id"]}, "'\\$reduce' is no kind of value"),
        ({"$tuple": [], "$list": []}, "'\\$tuple' is no kind of value"),
        ({"a": 1, "$tuple": []}, "a mapping has the key '\\$tuple'"),
        ({"$tuple": {"a": 1}}, "dict stands in the place of a list"),
        ({"$tuple": "abc"}, "str stands in the place of a list"),
        ({"$dict": [[1, 2, 3]]}, "'\\$dict' is not well formed"),
        ({"$dict": [[1, 2], [1, 3]]}, "the key 1 stands twice"),
        ({"$dict": [[[1], 2]]}, "'\\$dict' is not well formed: unhashable"),
        ({"$dict": 7}, "'\\$dict' is not well formed"),
        ({"$set": [1, 1]}, "a value stands twice"),
        ({"$set": [[1]]}, "'\\$set' is not well formed"),
        ({"$frozenset": {}}, "dict stands in the place of a list"),
        ({"$ordered": [{}, {"__class__": {}}]}, "a mapping has the attribute '__class__'"),
        ({"$ordered": [{}, {"_metadata": 1}]}, "a mapping has the attribute '_metadata'"),
        ({"$ordered": [[], {}]}, "something else stands in the place of a mapping"),
        ({"$ordered": [{}]}, "'\\$ordered' is not well formed"),
        ({"$counter": [1]}, "something else stands in the place of a mapping"),
        ({"$int": "1_0z"}, "'\\$int' is not well formed"),
        ({"$int": 1}, "'\\$int' is not well formed"),
        ({"$float": "00"}, "'\\$float' is not well formed"),
        ({"$float": "zz" * 8}, "'\\$float' is not well formed"),
        ({"$complex": ["00" * 8]}, "'\\$complex' is not well formed"),
        ({"$bytes": "*"}, "'\\$bytes' is not well formed"),
        ({"$text": "/w=="}, "'\\$text' is not well formed"),
        ({"$size": [-1]}, "a shape is no list of whole numbers"),
        ({"$size": [True]}, "a shape is no list of whole numbers"),
        ({"$dtype": "load"}, "'load' is no kind of number"),
        ({"$dtype": ["float32"]}, "'\\$dtype' is not well formed"),
        ({"$device": "cpu; id"}, "is no device"),
        ({"$device": "evil:0"}, "'evil:0' is no device"),
        ({"$device": None}, "'\\$device' is not well formed"),
    ],
)
def test_a_node_that_nobody_writes_is_refused(node, said):
    with pytest.raises(NotOurs, match=said):
        from_json({"epoch": [node]}, no_tensor)


def test_a_tree_that_is_too_deep_is_refused():
    node = 1
    for _ in range(DEEPEST + 1):
        node = [node]
    with pytest.raises(NotOurs, match=f"more than {DEEPEST} values lie within each other"):
        from_json(node, no_tensor)
