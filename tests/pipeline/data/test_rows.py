"""Rows between two steps, and the engine that adds them up."""

import numpy as np
import polars as pl

from recipeline.data.rows import exact_sums


def test_sums_are_the_same_every_time() -> None:
    frame = pl.DataFrame({"a": np.random.default_rng(0).normal(size=1_500_000) * 1e3})
    with exact_sums(streaming=False):
        means = {frame.lazy().select(pl.col("a").mean()).collect().item() for _ in range(10)}
    assert len(means) == 1


def test_the_engine_is_left_as_it_was() -> None:
    before = pl.Config.state().get("POLARS_ENGINE_AFFINITY")
    with exact_sums(streaming=False):
        assert pl.Config.state().get("POLARS_ENGINE_AFFINITY") == "in-memory"
    assert pl.Config.state().get("POLARS_ENGINE_AFFINITY") == before
