"""The networks of medium size, as anyone would write them in torch, and random data of their shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

BATCH, EVALUATION_BATCH = 128, 128
VOCABULARY, LENGTH = 1000, 64


def cnn() -> nn.Module:
    """Two blocks of convolutions and a dense layer, for images of 28 x 28."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


class Transformer(nn.Module):
    """Two layers of torch's own encoder, 128 wide, over 64 tokens."""

    def __init__(self, vocabulary: int = VOCABULARY, outputs: int = 2) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, 128)
        self.places = nn.Parameter(torch.zeros(LENGTH, 128))
        layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.output = nn.Linear(128, outputs)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(batch, 64) to (batch, outputs)."""
        return self.output(self.layers(self.tokens(tokens) + self.places).mean(1))


NETWORKS = {"cnn": cnn, "transformer": Transformer}


def write(folder: Path, kind: str, rows: int) -> None:
    """Random examples and classes, a tenth of them for validation, as Parquet."""
    import polars as pl

    rng = np.random.default_rng(0)
    if kind == "cnn":
        inputs = rng.random((rows, 28, 28), dtype=np.float32)
        target = rng.integers(10, size=rows)
    else:
        inputs = rng.integers(VOCABULARY, size=(rows, LENGTH))
        target = rng.integers(2, size=rows)
    held = train_rows(rows)
    pl.DataFrame(
        {
            "x": inputs,
            "label": np.array([f"class {place}" for place in range(10)])[target],
            "part": np.where(np.arange(rows) < held, "train", "validation"),
        }
    ).write_parquet(folder / f"{kind}.parquet")


def tensors(folder: Path, kind: str) -> tuple[tuple[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
    """Inputs and classes of the train part, and of the validation part."""
    import polars as pl

    frame = pl.read_parquet(folder / f"{kind}.parquet")
    inputs = torch.tensor(frame["x"].to_numpy())
    target = torch.tensor(frame["label"].rank("dense").to_numpy().astype(np.int64) - 1)
    held = train_rows(len(target))
    if kind == "cnn":
        inputs = inputs.unsqueeze(1)
    return (inputs[:held], target[:held]), (inputs[held:], target[held:])


def train_rows(rows: int) -> int:
    """How many of the rows, from the first on, are the train part."""
    return rows - rows // 10
