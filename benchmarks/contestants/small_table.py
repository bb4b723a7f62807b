"""The small table: 100,000 rows of 50 numbers and two classes, the network for it, and its batches.

A tenth of the rows is the validation part, for everyone the same. Everyone has batches of 256, Adam with a rate of
0.001, cross entropy, float32 and the network 50-64-64-2.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars
    import torch

ROWS, COLUMNS, BATCH = 100_000, 50, 256
EVALUATION_BATCH = 1024
"""Rows in a batch where nothing is learnt."""


def write(folder: Path, rows: int = ROWS, columns: int = COLUMNS) -> None:
    """The table as arrays, as Parquet and as CSV."""
    inputs, target = drawn(np.random.default_rng(0), rows, columns)
    np.savez(folder / "table.npz", inputs=inputs, target=target)
    table = _frame(inputs, target, np.arange(rows) < train_rows(rows))
    table.write_parquet(folder / "table.parquet")
    table.write_csv(folder / "table.csv")


def write_csv(file: Path, rows: int, columns: int, at_once: int = 200_000) -> None:
    """A table of any size as CSV, written piece by piece."""
    rng = np.random.default_rng(0)
    with file.open("wb") as stream:
        for start in range(0, rows, at_once):
            count = min(at_once, rows - start)
            is_train = np.arange(start, start + count) < train_rows(rows)
            _frame(*drawn(rng, count, columns), is_train).write_csv(stream, include_header=start == 0)


def write_parquet(file: Path, rows: int, columns: int, at_once: int = 200_000) -> None:
    """A table of any size as Parquet, written piece by piece."""
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, at_once):
        count = min(at_once, rows - start)
        is_train = np.arange(start, start + count) < train_rows(rows)
        piece = _frame(*drawn(rng, count, columns), is_train).to_arrow()
        writer = writer or pq.ParquetWriter(file, piece.schema)
        writer.write_table(piece)
    assert writer is not None
    writer.close()


def drawn(rng: np.random.Generator, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal numbers, and classes that a network can learn from them."""
    inputs = rng.standard_normal((rows, columns), dtype=np.float32)
    weights = np.random.default_rng(1).standard_normal((columns, 8), dtype=np.float32)
    target = (np.tanh(inputs @ weights).sum(1) + 0.3 * rng.standard_normal(rows) > 0).astype(np.int64)
    return inputs, target


def _frame(inputs: np.ndarray, target: np.ndarray, is_train: np.ndarray) -> polars.DataFrame:
    import polars as pl

    return pl.DataFrame({f"f{place}": inputs[:, place] for place in range(inputs.shape[1])}).with_columns(
        label=pl.Series(np.where(target == 1, "pos", "neg")), part=pl.Series(np.where(is_train, "train", "validation"))
    )


def train_rows(rows: int) -> int:
    """How many of the rows, from the first on, are the train part."""
    return rows - rows // 10


def steps(rows: int) -> int:
    """Mini-batches of an epoch."""
    return -(-train_rows(rows) // BATCH)


def arrays(folder: Path) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Inputs and classes of the train part, and of the validation part."""
    with np.load(folder / "table.npz") as found:
        inputs, target = found["inputs"], found["target"]
    held = train_rows(len(target))
    return (inputs[:held], target[:held]), (inputs[held:], target[held:])


def tensors(folder: Path) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """The same as tensors."""
    import torch

    train, validation = arrays(folder)
    return tuple(map(torch.from_numpy, train)), tuple(map(torch.from_numpy, validation))  # type: ignore[return-value]


def read_csv(folder: Path) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor], dict]:
    """The parts as pandas reads and scikit-learn standardizes them, and the scaling."""
    import pandas as pd
    import torch
    from sklearn.preprocessing import StandardScaler

    frame = pd.read_csv(folder / "table.csv")
    held = (frame["part"] == "train").to_numpy()
    names = [name for name in frame.columns if name not in ("label", "part")]
    scaler = StandardScaler().fit(frame.loc[held, names])
    inputs = torch.from_numpy(scaler.transform(frame[names]).astype("float32"))
    target = torch.from_numpy((frame["label"] == "pos").to_numpy().astype("int64"))
    scaling = {"mean": torch.from_numpy(scaler.mean_), "scale": torch.from_numpy(scaler.scale_), "columns": names}
    train = torch.tensor(held)
    return (inputs[train], target[train]), (inputs[~train], target[~train]), scaling


def network(columns: int = COLUMNS) -> torch.nn.Module:
    """The MLP."""
    from torch import nn

    return nn.Sequential(nn.Linear(columns, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))


class SlicedBatches:
    """Shuffled batches cut out of whole tensors by index: nothing is collected example by example."""

    def __init__(self, *whole: torch.Tensor, size: int = BATCH, shuffle: bool = True) -> None:
        self.whole, self.size, self.shuffle = whole, size, shuffle

    def __len__(self):
        return -(-len(self.whole[0]) // self.size)

    def __iter__(self):
        import torch

        rows = len(self.whole[0])
        order = torch.randperm(rows) if self.shuffle else None
        for start in range(0, rows, self.size):
            if order is None:
                yield tuple(each[start : start + self.size] for each in self.whole)
            else:
                index = order[start : start + self.size]
                yield tuple(each.index_select(0, index) for each in self.whole)
