"""A table as they come: 15 columns of numbers with 5 % missing, 5 of words with 3 to 20 different ones, a target."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NUMBERS = [f"n{place}" for place in range(15)]
WORDS = {f"c{place}": count for place, count in enumerate((3, 5, 8, 12, 20))}


def write(file: Path, rows: int) -> None:
    """The table as CSV."""
    import polars as pl

    rng = np.random.default_rng(0)
    columns = {}
    for place, name in enumerate(NUMBERS):
        values = pl.Series(np.round(rng.standard_normal(rows) * (place + 1) + place, 4))
        columns[name] = values.set(pl.Series(rng.random(rows) < 0.05), None)
    for name, count in WORDS.items():
        words = np.array([f"{name}_{value:02d}" for value in range(count)])
        columns[name] = pl.Series(words[rng.integers(count, size=rows)])
    columns["label"] = pl.Series(np.array(["no", "yes"])[rng.integers(2, size=rows)])
    pl.DataFrame(columns).write_csv(file)
