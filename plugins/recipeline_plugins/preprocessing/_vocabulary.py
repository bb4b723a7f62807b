"""Tokens by a rule that needs no library: every word, or every character."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

FIRST = 2
"""The number of the first token of a text that is read: 0 is padding's, 1 that of a token that isn't known."""

By = Literal["words", "characters"]
"""words: what stands between blanks. characters: every sign, blanks too."""


def cut(text: pl.Expr, by: By) -> pl.Expr:
    """A text's tokens as a list of strings; null where the text is."""
    return text.str.extract_all(r"\S+" if by == "words" else r"(?s).")


def frequent(tokens: pl.LazyFrame, most: int, min_frequency: int) -> list[str]:
    """The most frequent tokens of the one column of lists, the first in the alphabet where two are as frequent.

    Args:
        tokens: One column, from `cut`.
        most: Tokens at most.
        min_frequency: How often a token has to occur.
    """
    import polars as pl

    flat = tokens.select(pl.all().explode().alias("token")).drop_nulls()
    counts = flat.group_by("token").len("count").filter(pl.col("count") >= min_frequency)
    found = counts.sort(["count", "token"], descending=[True, False]).head(most).collect()
    return found["token"].to_list()


def places(tokens: pl.Expr, known: Sequence[str]) -> pl.Expr:
    """Each token's place among those that are known, null for the others: lists of Int64."""
    import polars as pl

    codes = list(range(len(known)))
    place = pl.element().replace_strict(list(known), codes, default=None, return_dtype=pl.Int64)
    return tokens.list.eval(place)


# Of the texts that a network reads.


def learnt(frame: pl.LazyFrame, by: By, lowercase: bool, most: int, min_frequency: int, name: str) -> dict[str, Any]:
    """What `numbered` needs to know of a column."""
    import polars as pl

    tokens = frame.select(cut(_normal(pl.col(name), lowercase), by))
    return {"by": by, "lowercase": lowercase, "tokens": frequent(tokens, most, min_frequency)}


def numbered(text: pl.Expr, state: dict[str, Any], length: int) -> pl.Expr:
    """A column of texts as lists of numbers, at least one each; a missing text stays missing."""
    import polars as pl

    tokens = cut(_normal(text, state["lowercase"]), state["by"]).list.head(length)
    found = places(tokens, state["tokens"]).list.eval(pl.element().fill_null(-1) + FIRST)
    nothing = pl.lit([FIRST - 1], dtype=pl.List(pl.Int64))
    return pl.when(found.list.len() == 0).then(nothing).otherwise(found)


def _normal(text: pl.Expr, lowercase: bool) -> pl.Expr:
    """In Unicode's form NFKC, without capitals if need be."""
    import polars as pl

    normal = text.cast(pl.String).str.normalize("NFKC")
    return normal.str.to_lowercase() if lowercase else normal
