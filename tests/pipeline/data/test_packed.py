"""Packed rows are the rows that they were packed from, wherever they are cut."""

import pickle

import numpy as np
import polars as pl
import pytest
import torch

from recipeline.data import packed
from recipeline.data.cutting import Cutter, cutter_of
from recipeline.data.packed import Packing, as_tensor, float32, pack, packed_type, widened
from recipeline.data.pieces import RowFile
from recipeline.data.prepared import Arrays
from recipeline.data.worker import Sent

NARROW = [
    [False, *[True] * 9],
    [*[True] * 9, False],
    [True, True, False, False, True, False, *[True] * 12],
    [True] * 3,
    [True] * 8,
]
HEIGHTS = [0, 1, 7, 8, 9, 64, 1003]


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "LEAST_BYTES", 0)


def columns(narrow: list[bool], height: int) -> pl.DataFrame:
    chance = np.random.default_rng(0)
    return pl.DataFrame(
        [
            pl.Series(f"c{place}", chance.random(height) < 0.3 if small else chance.standard_normal(height))
            for place, small in enumerate(narrow)
        ]
    )


def expected(frame: pl.DataFrame) -> np.ndarray:
    return frame.select(pl.all().cast(pl.Float32)).to_numpy(order="c")


def packed_rows(frame: pl.DataFrame) -> np.ndarray:
    dtype = packed_type([column.dtype == pl.Boolean for column in frame], frame.height)
    assert dtype is not None
    rows = pack(frame, dtype)
    assert rows is not None
    return rows


@pytest.mark.parametrize("narrow", NARROW)
@pytest.mark.parametrize("height", HEIGHTS)
def test_what_is_packed_comes_out_as_float32(narrow, height):
    frame = columns(narrow, height)
    rows = packed_rows(frame)
    assert rows.shape == (height,)
    assert rows.dtype.itemsize % 4 == 0
    assert rows.dtype.itemsize * packed.WORTH <= 4 * len(narrow)
    found = widened(rows)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected(frame))


@pytest.mark.parametrize("start", [1, 5, 8, 24])
def test_bits_may_begin_anywhere_in_a_byte(start):
    frame = columns(NARROW[2], 100)[start:]
    assert np.array_equal(widened(packed_rows(frame)), expected(frame))
    joined = pl.concat([frame[:11], frame[11:]], rechunk=False)
    assert np.array_equal(widened(packed_rows(joined)), expected(frame))


def test_the_same_rows_are_the_same_bytes_also_where_nothing_is():
    frame = columns([False, *[True] * 9], 50)
    rows = packed_rows(frame)
    assert rows.dtype.itemsize == 16
    assert not as_tensor(rows)[:, 13:].any()


def test_few_rows_and_few_bytes_to_be_saved_stay_as_they_are(monkeypatch):
    assert packed_type([True] * 7 + [False] * 2, 10) is not None
    assert packed_type([True] * 2 + [False] * 7, 10) is None
    assert packed_type([False], 10) is None
    assert packed_type([], 10) is None
    monkeypatch.setattr(packed, "LEAST_BYTES", 4 * 9 * 11)
    assert packed_type([True] * 7 + [False] * 2, 10) is None
    assert packed_type([True] * 7 + [False] * 2, 11) is not None


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), 1e39])
@pytest.mark.parametrize("name", ["c0", "c1"])
def test_a_value_that_is_no_number_is_not_packed(name, value):
    frame = columns(NARROW[0], 20)
    column = frame[name]
    if column.dtype == pl.Boolean:
        value = None
    frame = frame.with_columns(pl.Series(name, [value, *column[1:]], dtype=column.dtype))
    dtype = packed_type([kind == pl.Boolean for kind in frame.dtypes], 20)
    assert dtype is not None
    assert pack(frame, dtype) is None


def test_what_is_neither_true_nor_false_is_not_packed_as_such():
    frame = columns(NARROW[0], 20)
    dtype = packed_type([kind == pl.Boolean for kind in frame.dtypes], 20)
    assert dtype is not None
    assert pack(frame.with_columns(pl.col("c3").cast(pl.Int8)), dtype) is None


@pytest.fixture(params=NARROW[:3])
def both(request: pytest.FixtureRequest) -> tuple[Arrays, Arrays]:
    """The same rows packed and as float32."""
    frame = columns(request.param, 40)
    numbers, codes = np.arange(40), np.arange(80).reshape(40, 2)
    kinds = ("numeric", "categorical")
    packed_arrays = Arrays((packed_rows(frame), codes), numbers, numbers, kinds)
    return packed_arrays, Arrays((expected(frame), codes), numbers, numbers, kinds)


@pytest.mark.parametrize("place", [torch.tensor([7, 0, 39, 3, 7]), slice(4, 9), slice(3, 3)], ids=str)
@pytest.mark.parametrize("how", ["there", "into", "moved", "sent"])
def test_a_batch_of_packed_rows_is_a_batch_of_float32(how, place, both):
    def ready(arrays: Arrays) -> Cutter:
        cutter = cutter_of(arrays)
        if how == "into":
            return cutter.into(lambda shape, dtype: torch.full(shape, 77, dtype=dtype))
        if how == "sent":
            return Sent(arrays).cutter()
        return cutter.to(torch.device("cpu")) if how == "moved" else cutter

    (found, codes), target = ready(both[0]).cut(place)
    (numbers, same_codes), same_target = ready(both[1]).cut(place)
    assert found.dtype == torch.float32
    assert found.is_contiguous()
    assert torch.equal(found, numbers)
    assert torch.equal(codes, same_codes)
    assert torch.equal(target, same_target)


def test_packed_rows_are_widened_in_the_memory_that_is_given(both):
    made = []

    def empty(shape, dtype):
        made.append(torch.empty(shape, dtype=dtype))
        return made[-1]

    for place in (torch.tensor([1, 2]), slice(0, 2)):
        made.clear()
        (found, _), _ = cutter_of(both[0]).into(empty).cut(place)
        assert [tuple(each.shape) for each in made] == [tuple(found.shape), (2, 2), (2,)]
        assert found.data_ptr() == made[0].data_ptr()


def test_a_file_of_packed_rows_is_opened_as_such_and_sent_by_its_name(both, tmp_path):
    rows = both[0].blocks[0]
    with RowFile(tmp_path / "a.npy", rows.dtype, rows.shape) as file:
        file.add(rows[:13])
        file.add(rows[13:])
    opened = np.load(tmp_path / "a.npy", mmap_mode="c", allow_pickle=False)
    assert opened.dtype == rows.dtype
    assert opened.tobytes() == rows.tobytes()
    numbers = np.arange(40)
    sent = pickle.dumps(Sent(Arrays((opened,), numbers, numbers, ("numeric",))))
    (found,), _ = pickle.loads(sent).cutter().cut(slice(0, 40))
    assert np.array_equal(found.numpy(), both[1].blocks[0])


def test_rows_that_are_not_packed_stay_where_they_are():
    rows = np.ones((3, 2), dtype=np.float32)
    assert Packing.of(rows) is None
    assert widened(rows) is rows
    assert as_tensor(rows).data_ptr() == rows.ctypes.data


def test_true_and_false_become_1_and_0_and_what_is_missing_none():
    frame = pl.DataFrame({"a": [True, False, None], "b": [1, 2, 3]})
    made = frame.select(map(float32, frame))
    assert made.schema == {"a": pl.Float32, "b": pl.Float32}
    assert made.rows() == [(1.0, 1.0), (0.0, 2.0), (None, 3.0)]
