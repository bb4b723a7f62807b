"""What a split promises: one part for each row, the same every time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from recipeline.errors import RecipelineError
from recipeline.families.spec import PARTS
from recipeline.families.split import Split
from recipeline.testing.promises import holds, promised
from recipeline.testing.tables import equal

if TYPE_CHECKING:
    import polars as pl


def check_split(split: Split, frame: pl.DataFrame | None) -> None:
    """Check a split on a table with the columns that it needs."""
    import polars as pl

    target = ("target",)
    needed = tuple(split.needs(target))
    rows = frame.select(needed) if frame is not None else None
    for kind in ("groups", "times", "parts"):
        if rows is None:
            try:
                candidate = _split_rows(needed, target, kind)
                split.assign(candidate, target, 1)
                rows = candidate
            except RecipelineError:
                continue
    holds(rows is not None, split, "assigns a made-up table of groups, times or parts (or give `frame=`)")
    rows = cast("pl.DataFrame", rows)
    with promised(split, "assigns rows without an error"):
        first, second = split.assign(rows, target, 7), split.assign(rows.clone(), target, 7)
    holds(isinstance(first, pl.Series), split, "assigns with a polars Series", type(first).__name__)
    holds(len(first) == rows.height, split, "assigns every row", f"{len(first)} of {rows.height}")
    words = set(first.drop_nulls().to_list())
    holds(words <= set(PARTS), split, "assigns only train, validation, test, or null", repr(words - set(PARTS)))
    holds("train" in words, split, "leaves rows to train on", repr(words))
    holds(equal(first.to_frame(), second.to_frame()), split, "assigns the same rows the same way for the same seed")
    for part in PARTS:
        holds(split.has(part) or part not in words, split, f"says with `has` that it makes a {part} part")
        holds(not split.has(part) or part in words, split, f"makes the {part} part that `has` announces")


def _split_rows(needed: Sequence[str], target: Sequence[str], kind: str) -> pl.DataFrame:
    import polars as pl

    rows = 200
    columns = {
        "groups": [f"group {i % 40}" for i in range(rows)],
        "times": [datetime(2020, 1, 1) + timedelta(hours=37 * i % 5000) for i in range(rows)],
        "parts": [("train", "validation", "test")[i % 3] for i in range(rows)],
    }
    answers = ["yes" if i % 4 == 0 else "no" for i in range(rows)]
    found = {name: answers if name in target else columns[kind] for name in needed}
    return pl.DataFrame(found) if found else pl.DataFrame({"row": range(rows)}).select([])
