"""The rows of a typed file come in their order, no more than asked for at a time, in the types that they have."""

import errno
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import xxhash

from recipeline.data import table_file
from recipeline.data.table_file import record_batches, record_rows, write, write_batches
from recipeline.errors import EnvironmentFault
from recipeline.storage import atomic

ROWS = 10
TABLE = pl.DataFrame(
    {
        "i": range(ROWS),
        "f": [None, *(n / 3 for n in range(ROWS - 1))],
        "w": ["", None, "a word that is longer than twelve bytes", *"abcdefg"],
        "b": [True, None, False, True, False] * 2,
        "d": [date(2020, 1, n + 1) for n in range(ROWS)],
        "t": [datetime(2020, 1, n + 1, 12, 30, 1, 5) for n in range(ROWS)],
    },
    schema_overrides={"t": pl.Datetime("us")},
)
ARRAYS = pl.DataFrame(
    {
        "image": pl.Series([[[n, 1], [2, 3]] for n in range(ROWS)], dtype=pl.Array(pl.UInt8, (2, 2))),
        "list": pl.Series([[0.5] * n for n in range(ROWS)], dtype=pl.List(pl.Float64)),
        "bytes": [bytes([n]) for n in range(ROWS)],
    }
)


@pytest.fixture(params=[3, 4, 100])
def written(tmp_path: Path, request: pytest.FixtureRequest):
    """Writes a table, in record batches of so many rows."""

    def write(table: pl.DataFrame) -> Path:
        table.lazy().sink_ipc(tmp_path / "table.arrow", compression="uncompressed", record_batch_size=request.param)
        return tmp_path / "table.arrow"

    return write


@pytest.mark.parametrize("table", [TABLE, ARRAYS])
@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_all_rows_come_in_their_order_and_types(table, most, written):
    found = list(record_batches(written(table), table.columns, most))
    assert max(batch.height for batch in found) <= most
    assert pl.concat(found).equals(table, null_equal=True)
    assert found[0].schema == table.schema


@pytest.mark.parametrize("columns", [["w"], ["t", "i"], ["d", "w", "f"]])
def test_columns_come_in_the_order_that_is_asked_for(columns, written):
    assert pl.concat(record_batches(written(TABLE), columns, 4)).equals(TABLE.select(columns))


def test_a_batch_outlives_the_file(written):
    path = written(TABLE)
    first = next(record_batches(path, ["w"], 3))
    path.unlink()
    assert first["w"].to_list() == TABLE["w"].head(3).to_list()


@pytest.mark.parametrize("table", [TABLE, ARRAYS])
@pytest.mark.parametrize("height", [None, ROWS])
def test_what_is_written_a_slice_at_a_time_is_what_is_written_at_once(table, height, tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "SLICED_BYTES", 0)
    monkeypatch.setattr(table_file, "RECORD_ROWS", 4)
    table.write_parquet(tmp_path / "table.parquet", row_group_size=3)
    digest = write(pl.scan_parquet(tmp_path / "table.parquet"), tmp_path / "table.arrow", height)
    assert digest in (None, xxhash.xxh3_128((tmp_path / "table.arrow").read_bytes()).hexdigest())
    assert (digest is None) == (height is None or table is ARRAYS)
    assert pl.read_ipc_schema(tmp_path / "table.arrow") == table.schema
    assert pl.scan_ipc(tmp_path / "table.arrow").collect().equals(table)
    found = list(record_batches(tmp_path / "table.arrow", table.columns, 4))
    assert [batch.height for batch in found] == [4, 4, 2]
    assert pl.concat(found).equals(table)


def test_record_batches_of_wide_tables_have_fewer_rows():
    assert record_rows(1) == record_rows(32) == 65_536
    assert record_rows(100) * 100 * 8 <= 16 * 1024**2
    assert record_rows(1_000_000) == 1024


@pytest.mark.parametrize("table", [TABLE, ARRAYS])
def test_batches_become_a_file_of_them(table, tmp_path):
    parts = [table[:3], pl.concat([table[3:4], table[4:9]], rechunk=False), table[9:]]
    written = write_batches(iter(parts), tmp_path / "table.arrow")
    digest = xxhash.xxh3_128((tmp_path / "table.arrow").read_bytes()).hexdigest()  # of bytes in the order of writing
    assert written == (tmp_path / "table.arrow", ROWS, digest)
    found = list(record_batches(tmp_path / "table.arrow", table.columns))
    assert pl.concat(found).equals(table, null_equal=True)
    assert found[0].schema == table.schema
    assert pl.read_ipc(tmp_path / "table.arrow").equals(table, null_equal=True)


def test_no_batch_makes_no_file(tmp_path):
    assert write_batches(iter([]), tmp_path / "table.arrow") is None
    assert not (tmp_path / "table.arrow").exists()


def test_a_fault_between_batches_ends_the_writing(tmp_path):
    def broken():
        yield TABLE
        raise KeyError("a fault")

    with pytest.raises(KeyError, match="a fault"):
        write_batches(broken(), tmp_path / "table.arrow")


def test_what_the_disk_did_not_take_in_is_said(tmp_path, monkeypatch):
    def broken(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(atomic, "SYNC_BYTES", 0)
    monkeypatch.setattr(atomic, "sync_file", broken)
    for batches in (1, 5):
        with pytest.raises(EnvironmentFault, match=r"table.arrow.*the typed rows can't be written: Input/output error"):
            write_batches(iter([TABLE] * batches), tmp_path / "table.arrow")


def test_a_full_disk_is_said():
    with pytest.raises(
        EnvironmentFault, match=r"/dev/full.*the typed rows can't be written: .*No space left.*Free some"
    ):
        write_batches(iter([pl.concat([TABLE] * 2000)] * 3), Path("/dev/full"))


@pytest.mark.parametrize("behind", [0, 1, 3])
def test_what_may_still_be_looked_at_is_not_let_go(behind, written, monkeypatch):
    ends: list[int] = []
    monkeypatch.setattr(table_file, "_let_go", lambda _mapped, _done, end: ends.append(end) or end)
    batches = 0
    for _ in record_batches(written(TABLE), TABLE.columns, behind=behind):
        assert len(ends) == max(0, batches - behind)
        batches += 1
    assert len(ends) == max(0, batches - behind)
    assert ends == sorted(set(ends))
