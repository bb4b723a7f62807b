import sys
from pathlib import Path

import polars as pl
import pytest

CONTESTANTS = Path(__file__).parents[3] / "benchmarks" / "contestants"


@pytest.fixture
def small_table(monkeypatch):
    monkeypatch.syspath_prepend(str(CONTESTANTS))
    import small_table

    yield small_table
    sys.modules.pop("small_table")


def test_everyone_gets_the_same_rows(small_table, tmp_path):
    small_table.write(tmp_path, rows=1000, columns=5)
    (inputs, target), (held, _) = small_table.tensors(tmp_path)
    assert (len(inputs), len(held)) == (900, 100)
    stored = pl.read_parquet(tmp_path / "table.parquet")
    assert stored.filter(pl.col("part") == "train").select(pl.col(pl.Float32)).to_numpy() == pytest.approx(inputs)
    assert stored["label"].head(900).to_list() == ["pos" if each else "neg" for each in target.tolist()]
    (standardized, again), _, scaling = small_table.read_csv(tmp_path)
    assert again.tolist() == target.tolist()
    assert (standardized * scaling["scale"] + scaling["mean"]).numpy() == pytest.approx(inputs.numpy(), abs=1e-5)
    assert abs(standardized.mean()) < 1e-6


def test_batches_hold_every_row_once(small_table, tmp_path):
    small_table.write(tmp_path, rows=1000, columns=5)
    (inputs, target), _ = small_table.tensors(tmp_path)
    batches = list(small_table.SlicedBatches(inputs, target))
    assert len(batches) == small_table.steps(1000) == 4
    seen = sorted(row for rows, _ in batches for row in rows[:, 0].tolist())
    assert seen == sorted(inputs[:, 0].tolist())


def test_a_large_table_is_written_piece_by_piece(small_table, tmp_path):
    small_table.write_csv(tmp_path / "t.csv", rows=25, columns=3, at_once=10)
    small_table.write_parquet(tmp_path / "t.parquet", rows=25, columns=3, at_once=10)
    for found in (pl.read_csv(tmp_path / "t.csv"), pl.read_parquet(tmp_path / "t.parquet")):
        assert found.shape == (25, 5)
        assert found["part"].to_list() == ["train"] * 23 + ["validation"] * 2
        assert found["f0"].n_unique() == 25
