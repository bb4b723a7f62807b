"""What a source promises: the same typed rows at every scan."""

from __future__ import annotations

from recipeline.families.source import Source
from recipeline.testing.promises import holds, promised
from recipeline.testing.tables import equal


def check_source(source: Source) -> None:
    """Check a source by scanning it twice."""
    import polars as pl

    with promised(source, "scans without an error"):
        lazy = source.scan()
        holds(isinstance(lazy, pl.LazyFrame), source, "scans lazily", f"a {type(lazy).__name__}")
        first, second = lazy.collect(), source.scan().collect()
        counted = dict(source.counted_words())
    holds(equal(first, second), source, "gives the same rows in the same order at every scan")
    untyped = [name for name, kind in first.schema.items() if kind in (pl.Null, pl.Object, pl.Unknown)]
    holds(not untyped, source, "settles the type of every column", ", ".join(untyped))
    for name, counts in counted.items():
        here = first[name].drop_nulls().alias("word").value_counts(name="rows").sort("word")
        same = counts.columns == here.columns and counts.cast(here.schema).sort("word").equals(here)
        holds(same, source, "counts every word of a column, or none", f"column '{name}'")
    with promised(source, "has a fingerprint"):
        prints = {source.fingerprint(), source.fingerprint(), source.model_copy().fingerprint()}
    holds(len(prints) == 1, source, "has a fingerprint that stays while the rows do", ", ".join(map(str, prints)))
    holds(isinstance(prints.pop(), str), source, "has a fingerprint that is a string")
    holds(bool(source.location()), source, "names the place that the rows come from")
