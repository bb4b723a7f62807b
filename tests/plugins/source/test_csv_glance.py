"""A glance says what the thorough pass says, or that it takes that pass."""

import codecs
import io
import random

import pytest

from recipeline_plugins.source import csv_glance
from recipeline_plugins.source.csv_glance import glance
from recipeline_plugins.source.csv_structure import Head, examine, read_head


@pytest.fixture(autouse=True, params=[1, 2, 3, 7, 512])
def _block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_glance, "BLOCK_BYTES", request.param)


def head_of(content: bytes, header: bool = True, separator: str | None = None) -> Head:
    return read_head(io.BytesIO(content), "x.csv", separator, '"', header)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4",
        "a,b\r\n1,2\r\n3,\r\n",
        "\n\na,b\n1,2\n",
        "a;b\n0;-0,5\n0,07;x0_02\n",
        "a|b\n2024-01-05|00-\n0.03|12:05:03\n1e-05|0\n".replace("00-", "x00"),
        "é,b\n1,ö\nü,4\n",
    ],
)
def test_finds_the_rows_of_a_plain_file(content: str, header: bool) -> None:
    raw = content.encode()
    head = head_of(raw, header)
    found = glance(io.BytesIO(raw), head, '"', header)
    assert found is not None
    assert found == examine(io.BytesIO(raw), "x.csv", head, '"', header)


def test_a_byte_order_mark_is_no_letter() -> None:
    raw = codecs.BOM_UTF8 + b"a,b\n1,2\n"
    found = glance(io.BytesIO(raw), head_of(raw), '"', True)
    assert found is not None
    assert found.rows == 1


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3\n",
        b"a,b\n1,2,3\n",
        b"a,b\n1,2\n\n3,4\n",
        b"a,b\n1,2\n\r\n3,4\n",
        b'a,b\n1,"2"\n',
        b"a,b\n1,2\x00\n",
        b"a,b\n1,\xe9\n",
        b"a,b\n1,x\xc3",
        b"a\n1\n2\n",
        b"a,b\n1,007\n",
        b"a,b\n01,7\n",
        b"a,b\n1,-07\n",
        b"a,b\n1, +07\n",
        b"a|b\n1|07\n",
    ],
)
def test_leaves_what_is_odd_to_the_thorough_pass(content: bytes) -> None:
    assert glance(io.BytesIO(content), head_of(content, separator="|" if b"|" in content else ","), '"', True) is None


def test_quotes_that_mean_nothing_are_letters() -> None:
    found = glance(io.BytesIO(b'a,b\n1,say "hi"\n'), Head(",", ["a", "b"], 0, 1), None, True)
    assert found is not None
    assert found.rows == 1


@pytest.mark.parametrize("seed", range(20))
def test_never_says_another_thing_than_the_thorough_pass(seed: int) -> None:
    chance = random.Random(seed)
    pieces = ["x", "0", "00", "-0", ",", "\n", "\r\n", ".", " ", "5", "é", '"']
    weights = [4, 3, 1, 1, 8, 5, 1, 2, 1, 3, 1, 0.2]
    for _ in range(40):
        raw = ("a,b\n" + "".join(chance.choices(pieces, weights, k=12))).encode()
        head = Head(",", ["a", "b"], 0, 1)
        found, thorough = glance(io.BytesIO(raw), head, '"', True), examine(io.BytesIO(raw), "x", head, '"', True)
        if found is None:
            continue
        # Rows that are too long are for polars to see, and make up for others that are too short.
        kinds = {problem.message.partition(":")[0] for problem in thorough.problems}
        assert kinds <= {"the row is too long", "the row is too short"}
        assert ("the row is too long" in kinds) == bool(kinds or thorough.blank)
        assert not thorough.leading_zeros
        if not kinds:
            assert found == thorough
