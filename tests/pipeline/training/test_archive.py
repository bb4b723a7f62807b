"""What trainings keep comes back to the bit; what a file claims and does not have is refused before memory is taken."""

import io
import json
import random
import struct
import sys
import tracemalloc
from collections import OrderedDict
from hashlib import sha256

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load

from recipeline.training.archive import TREE, Earlier, NotOurs, NotPlain, digest, planned, read
from recipeline.training.header import DTYPES

KINDS = [*DTYPES.values(), torch.complex64, torch.complex128]


def written(value):
    plan = planned(value)
    plan.write(sink := io.BytesIO())
    assert plan.size == len(sink.getvalue())
    return sink.getvalue()


def there_and_back(value):
    return read(io.BytesIO(written(value)))


def raw(tensor):
    tensor = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
    return (torch.view_as_real(tensor) if tensor.is_complex() else tensor).reshape(-1).view(torch.uint8).tolist()


def same(one, other):
    return (one.dtype, one.shape, raw(one)) == (other.dtype, other.shape, raw(other))


def crafted(tensors, tree, data=b"", version="1", length=None):
    """A file that says of itself what somebody wants."""
    content = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    said = {"__metadata__": {"format": "recipeline checkpoint", "version": version}, **tensors}
    if content is not None:
        said[TREE] = {"dtype": "U8", "shape": [len(content)], "data_offsets": [len(data), len(data) + len(content)]}
    header = json.dumps(said).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data + content


F32 = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@st.composite
def tensors(draw):
    """Of every kind of number, of every bit pattern, and lying in memory in every way."""
    kind = draw(st.sampled_from(KINDS))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    size = torch.Size(shape).numel() * kind.itemsize
    content = bytearray(draw(st.binary(min_size=size, max_size=size)))
    if kind is torch.bool:
        content = bytearray(each & 1 for each in content)
    made = torch.frombuffer(content, dtype=kind).reshape(shape) if size else torch.empty(shape, dtype=kind)
    how = draw(st.sampled_from(["plain", "turned", "every second", "parameter", "conjugated"]))
    if how == "turned":
        return made.permute(draw(st.permutations(range(made.dim()))))
    if how == "every second" and made.dim():
        return made[::2]
    if how == "parameter":
        return torch.nn.Parameter(made, requires_grad=made.is_floating_point() or made.is_complex())
    return made.conj() if how == "conjugated" and made.is_complex() else made


@given(st.dictionaries(st.text(max_size=5) | st.integers(), tensors(), max_size=5))
@settings(max_examples=100, deadline=None)
def test_every_tensor_comes_back_to_the_bit(value):
    found = there_and_back(value)
    assert found.keys() == value.keys()
    for key, tensor in value.items():
        assert type(found[key]) is type(tensor)
        assert found[key].requires_grad == tensor.requires_grad
        assert same(found[key], tensor)


def test_what_trainings_save_is_read():
    network = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    value = {
        "state_dict": OrderedDict(network.state_dict()),
        "optimizer_states": [optimizer.state_dict()],
        "generators": [torch.get_rng_state(), (1, (2, 3), None), {"a": b"bytes"}],
    }
    found = there_and_back(value)
    assert found["generators"][1:] == value["generators"][1:]
    assert same(found["generators"][0], value["generators"][0])
    state, expected = found["optimizer_states"][0], value["optimizer_states"][0]
    assert state["param_groups"] == expected["param_groups"]
    assert all(same(state["state"][0][key], expected["state"][0][key]) for key in expected["state"][0])


def test_any_reader_of_safetensors_reads_it():
    value = {
        "state_dict": {"b": torch.arange(3, dtype=torch.uint8), "w": torch.randn(2, 3, dtype=torch.float64)},
        "n": 1,
    }
    found = load(written(value))
    assert found.keys() == {"state_dict/b", "state_dict/w", TREE}
    assert same(found["state_dict/w"], value["state_dict"]["w"])
    pointing = {name: {"$tensor": f"state_dict/{name}"} for name in "bw"}
    assert json.loads(bytes(found[TREE].tolist())) == {"state_dict": pointing, "n": 1}


def test_a_digest_is_that_of_the_file_and_sees_a_single_bit():
    value = {"a": torch.arange(3.0), "b": [1, None]}
    assert digest(value) == sha256(written(value)).hexdigest()
    others = [value | {"a": -torch.arange(3.0)}, value | {"a": torch.arange(3)}, value | {"b": [1.0, None]}]
    assert len({digest(each) for each in [value, *others]}) == 4


def test_names_may_meet():
    value = {"a/b": torch.zeros(1), "a": {"b": torch.ones(1)}, TREE: torch.ones(2), "__metadata__": torch.zeros(2)}
    found = there_and_back(value | {"\udc80" * 400: torch.ones(3)})
    assert same(found["a/b"], value["a/b"])
    assert same(found["a"]["b"], value["a"]["b"])
    assert same(found[TREE], value[TREE])
    assert same(found["__metadata__"], value["__metadata__"])
    assert same(found["\udc80" * 400], torch.ones(3))


def test_one_tensor_at_two_places_is_written_once_and_is_one_again():
    tensor = torch.randn(1000)
    value = {"a": tensor, "b": [tensor, tensor.view(1000)], "p": torch.nn.Parameter(tensor)}
    assert len(written(value)) < 6000
    found = there_and_back(value)
    found["a"][0] = 7
    assert found["b"][0][0] == found["b"][1][0] == found["p"][0] == 7
    assert type(found["p"]) is torch.nn.Parameter


def test_views_of_one_storage_have_their_own_afterwards():
    tensor = torch.arange(10_000.0)
    value = {"first": tensor[:3], "same": tensor[1:4], "spread": torch.ones(1).expand(4, 2)}
    assert len(written(value)) < 1000  # and not the storage behind them
    found = there_and_back(value)
    assert all(same(found[name], each) for name, each in value.items())
    found["first"][1] = -1
    assert found["same"][0] == 1
    assert found["spread"].is_contiguous()


def test_strides_are_kept_where_numbers_lie_without_gaps():
    value = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    found = there_and_back([value, value.to(torch.complex64), torch.arange(6).view(2, 3).T])
    assert found[0].stride() == value.stride()
    assert found[1].stride() == value.stride()
    assert found[2].stride() == (1, 3)


class Mine(torch.Tensor):
    """Which could mean anything."""


@pytest.mark.parametrize(
    ("tensor", "what"),
    [
        (torch.zeros(2).to_sparse(), "a tensor of the layout torch.sparse_coo"),
        (torch.zeros(2, device="meta"), "on the device meta"),
        (torch.zeros(2).to(torch.float8_e8m0fnu), "a tensor of torch.float8_e8m0fnu"),
        (torch.zeros(2).as_subclass(Mine), "a tensor of the kind "),
    ],
)
def test_a_tensor_that_is_more_than_numbers_is_refused(tensor, what):
    with pytest.raises(NotPlain) as refused:
        planned({"callbacks": {"Mine": [tensor]}})
    assert what in refused.value.what
    assert refused.value.path == ("callbacks", "Mine", "0")


def test_nothing_is_copied_but_what_has_to_be():
    """One tensor at a time, and only where its numbers don't lie in the order of the file."""
    value = {str(n): torch.zeros(250_000) for n in range(20)}
    plan = planned(value)
    assert all(one is other for one, other in zip(plan.tensors, value.values(), strict=True))

    addresses = []

    class Sink:
        def write(self, content):
            addresses.append(torch.frombuffer(content, dtype=torch.uint8).data_ptr() if len(content) > 9999 else 0)

    plan.write(Sink())
    assert addresses[1:-1] == [tensor.data_ptr() for tensor in value.values()]


def test_a_machine_of_the_other_order_writes_the_same_bytes(monkeypatch):
    value = {
        "a": torch.tensor([1, 2], dtype=torch.int16),
        "c": torch.tensor([1 + 2j]),
        "u": torch.tensor([1], dtype=torch.uint8),
    }
    turned = {"a": torch.tensor([256, 512], dtype=torch.int16)}
    expected = written(turned)
    monkeypatch.setattr(sys, "byteorder", "big")
    assert written({"a": value["a"]}) == expected  # such a machine has these bytes in memory
    assert all(same(each, value[name]) for name, each in there_and_back(value).items())


def test_a_file_of_torch_is_known_as_an_earlier_one():
    torch.save({"epoch": 1}, sink := io.BytesIO())
    with pytest.raises(Earlier, match="torch's own kind"):
        read(sink)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its 0 bytes have no header"),
        (b"1234567", "its 7 bytes have no header"),
        (b"\xff" * 100, "its 100 bytes have no header, or one that is too long"),
        (crafted({}, {}, length=200_000_000), "have no header, or one that is too long"),
        (crafted({"a": F32}, {"a": 1}, bytes(8)), "the tensor 'a' has no place in its tree"),
        (crafted({"../../canary": F32}, {}, bytes(8)), r"the tensor '\.\./\.\./canary' has no place in its tree"),
        (crafted({}, {"a": {"$tensor": "/etc/passwd"}}), "its tree points at '/etc/passwd', where no tensor is"),
        (crafted({}, {"a": {"$tensor": TREE}}), "its tree points at 'tree.json', where no tensor is"),
        (crafted({}, {"a": {"$tensor": ["a"]}}), r"its tree points at \['a'\], where no tensor is"),
        (crafted({"a": F32}, {"a": {"$tensor": "a", "load": "x"}}, bytes(8)), "its tree points at 'a'"),
        (crafted({"a": F32}, {"a": {"$tensor": "a", "complex": 1}}, bytes(8)), "does not hold complex numbers"),
        (
            crafted({"a": F32 | {"dtype": "I32"}}, [{"$tensor": "a", "complex": True}], bytes(8)),
            "not hold complex",
        ),
        (crafted({"a": F32 | {"shape": [2, 1]}}, [{"$tensor": "a", "complex": True}], bytes(8)), "does not hold compl"),
        (crafted({"a": F32}, [{"$tensor": "a", "strides": [2]}], bytes(8)), r"can't have the strides \[2\]"),
        (crafted({"a": F32}, [{"$tensor": "a", "strides": [0]}], bytes(8)), r"can't have the strides \[0\]"),
        (crafted({"a": F32}, [{"$tensor": "a", "strides": [-1]}], bytes(8)), r"can't have the strides \[-1\]"),
        (crafted({"a": F32}, [{"$tensor": "a", "strides": [1, 2]}], bytes(8)), r"can't have the strides \[1, 2\]"),
        (crafted({"a": F32}, [{"$tensor": "a", "strides": {}}], bytes(8)), r"can't have the strides \{\}"),
        (
            crafted({"a": F32}, [{"$tensor": "a"}, {"$tensor": "a", "strides": [1]}], bytes(8)),
            "to be of two kinds",
        ),
        (crafted({"a": F32}, [{"$tensor": "a", "parameter": 1}], bytes(8)), "'a' is no parameter"),
        (
            crafted({"a": F32 | {"dtype": "I32"}}, [{"$tensor": "a", "parameter": True}], bytes(8)),
            "'a' is no parameter",
        ),
        (crafted({"a": F32 | {"dtype": "BOOL", "shape": [8]}}, [{"$tensor": "a"}], b"\2" * 8), "neither yes nor no"),
        (crafted({}, b"{"), "its tree can't be read"),
        (crafted({}, b'{"a": 1, "a": 2}'), "its tree can't be read: the key 'a' stands twice"),
        (crafted({}, b'{"a": Infinity}'), "its tree can't be read: Infinity is no number"),
        (crafted({}, b"[" * 100_000 + b"]" * 100_000), "its tree is nested too deeply"),
        (crafted({}, b"1" * 5000), "its tree can't be read"),
    ],
)
def test_what_nobody_has_written_is_refused(content, words):
    with pytest.raises(NotOurs, match=words):
        read(io.BytesIO(content))


def test_no_tree_is_no_checkpoint():
    header = b'{"__metadata__":{"format":"recipeline checkpoint","version":"1"}}'
    with pytest.raises(NotOurs, match="it has no tree, or one that is too large"):
        read(io.BytesIO(struct.pack("<Q", len(header)) + header))


def test_a_claim_of_terabytes_takes_no_memory():
    far = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
    tracemalloc.start()
    try:
        with pytest.raises(NotOurs, match="begins at"):
            read(io.BytesIO(crafted({"a": far}, {"a": {"$tensor": "a"}})))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_file_that_is_cut_while_it_is_read_is_refused():
    whole = written({"a": torch.zeros(1000)})

    class Cut(io.BytesIO):
        def readinto(self, buffer):
            return super().readinto(memoryview(buffer)[:100])

    with pytest.raises(NotOurs, match="it ends before its tensors do"):
        read(Cut(whole))


def test_of_a_thousand_changed_files_each_is_refused_or_holds_plain_values():
    """Whoever changes a file can seal it anew: what is left then is this reader."""
    network = torch.nn.BatchNorm1d(3)
    value = {"state_dict": network.state_dict(), "x": [1, (2, 3.5), {1: {2}, None: b"3"}], "c": torch.tensor([1 + 2j])}
    good, lot = written(value), random.Random(8)
    refused = 0
    for _ in range(1000):
        changed = bytearray(good)
        for _ in range(lot.choice([1, 1, 2, 5])):
            at = lot.randrange(len(changed))
            new = [changed[at] ^ 1 << lot.randrange(8)], [], lot.choices(b'{}[]",:0123456789$-e', k=2)
            changed[at : at + lot.choice([1, 1, 1, 8])] = bytes(lot.choice(new))
        try:
            read(io.BytesIO(bytes(changed)))
        except NotOurs:
            refused += 1
    assert 800 < refused < 1000  # a number that is another one is a number
