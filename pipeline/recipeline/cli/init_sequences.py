"""What `recipeline init` writes where the target is a sequence: what is read, in what pieces, and a Transformer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from recipeline.cli import init_text
from recipeline.errors import DataError, Problem

if TYPE_CHECKING:
    from recipeline.cli.init_recipe import Draft
    from recipeline.data.read import Table
    from recipeline.families.spec import Role

LETTERS = 20
"""Characters of a usual text up to which each of them is read: a word or two."""


def columns(table: Table) -> dict[str, Role]:
    """The longest column of words, where no column was taken for a text.

    Words that hardly repeat are names elsewhere, and left out; here they are what is spelt.
    """
    import polars as pl

    features = {name: role for name, role in table.roles.items() if name not in table.targets}
    words = [name for name, role in features.items() if role == "ignore" and table.schema[name] == pl.String]
    if not words or {"text", "series"} & set(features.values()):
        return {}
    usual = _letters(table, words)
    return {max(words, key=lambda name: usual[name]): "text"}


def said(draft: Draft, table: Table, features: dict[str, Role]) -> Draft:
    """The draft for the longest text, or for the series where there is none.

    Raises:
        DataError: there is neither.
    """
    texts = [name for name, role in features.items() if role == "text"]
    beside: dict[str, Any] = {
        "network": {"type": "transformer", "width": 128, "heads": 4, "layers": 2, "dropout": 0.1},
        "network_reason": "it reads the whole text, then says one token after another",
        "optimizer": {"type": "adamw", "lr": 0.001, "weight_decay": 0.01},
        "patience": 3,
        "epochs": 20,
        "batch_size": max(64, draft.batch_size),
    }
    reasons = draft.reasons | {"tokenize_target": "by characters where not each word is a token"}
    if not texts:
        if "series" not in features.values():
            raise DataError(
                Problem(
                    "a sequence is learnt from a text or a series, and no column is one",
                    file=table.location,
                    suggestion="Bring one, or choose another target.",
                )
            )
        return replace(draft, reasons=reasons, **beside)
    usual = _letters(table, texts)
    column = max(texts, key=lambda name: usual[name])
    others = dict.fromkeys((name for name in texts if name != column), "a network reads one text a row")
    spelt = usual[column] <= LETTERS
    tokenize: dict[str, Any] = {"type": "tokenize", "columns": "text", "method": "characters" if spelt else "bpe"}
    if not spelt:
        tokenize |= {"vocabulary": init_text.vocabulary(table.rows), "length": 128}
    return replace(
        draft,
        ignored=draft.ignored | others,
        declared=draft.declared | ({column: ("text", "what is read")} if column in table.overruled else {}),
        steps=[tokenize],
        reasons=reasons | {"tokenize": "each letter as a number" if spelt else "pieces of words as numbers"},
        needs=None if spelt else init_text.NEEDS,
        **beside,
    )


def _letters(table: Table, names: list[str]) -> dict[str, float]:
    """The characters of a usual text, by column."""
    import polars as pl

    lengths = table.scan().select(pl.col(names).str.len_chars()).head(init_text.LOOKED_AT).collect()
    return {name: float(lengths[name].median() or 1) for name in names}  # type: ignore[arg-type]
