"""What a file says of its tensors is measured before any of them is made."""

import json

import pytest

from recipeline.training.header import Later, NotOurs, Place, measured, rendered


def header(**tensors):
    return json.dumps({"__metadata__": {"format": "recipeline checkpoint", "version": "1"}, **tensors}).encode()


def said(dtype="F32", shape=(2,), begin=0, end=8, **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end], **more}


def test_what_is_written_is_measured():
    places = {"a": Place("F64", (2, 3), 0, 48), "none": Place("F32", (0, 7), 48, 48), "b": Place("BOOL", (), 48, 49)}
    content = rendered(places.items())
    length = int.from_bytes(content[:8], "little")
    assert length == len(content) - 8
    assert len(content) % 8 == 0
    assert measured(content[8:], 49) == places


def test_the_order_of_names_does_not_matter():
    assert list(measured(header(b=said(begin=8, end=16), a=said()), 16)) == ["b", "a"]


@pytest.mark.parametrize(
    ("content", "room", "words"),
    [
        (header(a=said()), 9, r"its tensors have 8 bytes, and it has 9 for them"),
        (header(a=said()), 7, r"its tensors have 8 bytes, and it has 7 for them"),
        (header(a=said(begin=1, end=9)), 9, r"the tensor 'a' begins at 1 in place of 0"),
        (header(a=said(), b=said(begin=4, end=12)), 12, r"the tensor 'b' begins at 4 in place of 8"),
        (header(a=said(), b=said(begin=0, end=8)), 8, r"the tensor 'b' begins at 0 in place of 8"),
        (header(a=said(begin=8, end=0)), 8, r"the tensor 'a' of shape \[2\] has -8 bytes"),
        (header(a=said(shape=(2**40, 2**40))), 8, r"the tensor 'a' of shape .* has 8 bytes"),
        (header(a=said(shape=(3,))), 8, r"the tensor 'a' of shape \[3\] has 8 bytes"),
        (header(a=said(shape=(-1, -2))), 8, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said(shape=(True, 2))), 8, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said(shape=(2.0,))), 8, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said(shape=(1,) * 65 + (2,))), 8, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said(shape=(0, 2**63), end=0)), 0, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said() | {"data_offsets": [0, 4, 8]}), 8, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said() | {"data_offsets": "08"}), 8, r"shape or place of the tensor 'a' are no whole numbers"),
        (header(a=said(dtype="PICKLE")), 8, r"is of 'PICKLE', which is no kind of number"),
        (header(a=said(dtype="C64", shape=(1,))), 8, r"is of 'C64', which is no kind of number"),
        (header(a=said(dtype=["F32"])), 8, r"which is no kind of number"),
        (header(a=said(more=1)), 8, r"does not say dtype, shape and data_offsets"),
        (header(a=[1]), 8, r"does not say dtype, shape and data_offsets"),
        (header()[:-1] + b', "a": 1, "a": 2}', 0, r"its header can't be read: the key 'a' stands twice"),
        (b'{"__metadata__": {"format": "pt"}}', 0, r"its header does not say that it is a checkpoint"),
        (b"{}", 0, r"its header does not say that it is a checkpoint"),
        (b"[]", 0, r"its header does not say that it is a checkpoint"),
        (b"\xff", 0, r"its header can't be read"),
        (b'{"a": NaN}', 0, r"its header can't be read: NaN is no number"),
        (b"[" * 100_000, 0, r"its header is nested too deeply"),
        (b'{"a": 1' + b"0" * 5000 + b"}", 0, r"its header can't be read"),
    ],
)
def test_what_does_not_fit_is_refused(content, room, words):
    with pytest.raises(NotOurs, match=words):
        measured(content, room)


@pytest.mark.parametrize("about", [{"version": "2"}, {"version": 1}, {"version": "1", "more": "1"}, {}])
def test_a_version_that_is_not_known_is_said(about):
    with pytest.raises(Later, match="version"):
        measured(json.dumps({"__metadata__": {"format": "recipeline checkpoint", **about}}).encode(), 0)
