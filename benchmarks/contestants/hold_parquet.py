"""A Parquet file's numbers as one float32 array in memory, as a script would hold them. Usage: hold_parquet.py FILE"""

from __future__ import annotations

import sys

import polars as pl
import torch
from epoch_clock import say

frame = pl.read_parquet(sys.argv[1]).select(pl.col(pl.Float32))
held = torch.tensor(frame.to_numpy())
say(rows=len(held))
