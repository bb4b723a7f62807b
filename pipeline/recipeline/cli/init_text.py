"""What `recipeline init` writes for a column of texts: pieces of words, and a network of the data's size."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recipeline.cli.init_recipe import Draft
    from recipeline.data.read import Table
    from recipeline.families.spec import Role

BESIDE = 3
"""Plain columns beside a text up to which the text is what the table is about."""

MANY = 50_000
"""Texts from which on a Transformer learns what words mean; with fewer, a recurrent network does better."""

LONG = 200
"""Words of a usual text from which on to read one word after the other takes too long."""

LOOKED_AT = 5_000
"""Texts whose length is looked at."""

NEEDS = "pip install 'recipeline[text]'"

UNREAD = "free text: the step tokenize and the architecture gru would read it"


def is_read(features: dict[str, Role]) -> bool:
    """Whether the text is what such a table is about, or one column among many."""
    return sum(role not in ("text", "ignore", "image") for role in features.values()) <= BESIDE


def read(draft: Draft, table: Table, texts: list[str]) -> Draft:
    """The draft for the longest of these columns of text."""
    usual, long = _words(table, texts)
    column = max(texts, key=lambda name: usual[name])
    others = dict.fromkeys((name for name in texts if name != column), "a network reads one text a row")
    length = min(256, max(16, -(-int(1.5 * long[column]) // 16) * 16))  # a word makes one to two pieces
    tokenize = {"type": "tokenize", "columns": "text", "vocabulary": vocabulary(table.rows), "length": length}
    large = table.rows >= MANY
    slow = usual[column] > LONG
    network: dict[str, Any] = (
        {"type": "transformer", "width": 128, "heads": 4, "layers": 2, "dropout": 0.2}
        if large
        else {"type": "transformer", "width": 64, "heads": 4, "layers": 1, "dropout": 0.3}
        if slow
        else {"type": "gru", "embedding": 64, "hidden": 64, "bidirectional": True, "pooling": "max", "dropout": 0.4}
    )
    why = (
        "so many texts teach it what words mean"
        if large
        else "texts so long take a gru, word after word, too much time"
        if slow
        else "a transformer wants more texts"
    )
    missing = table.scan().select(texts).collect().get_column(column).null_count()
    fill = {"type": "impute", "columns": "text", "strategy": "constant", "value": "nothing"}
    return replace(
        draft,
        ignored=draft.ignored | others,
        steps=[*([fill] if missing else []), tokenize],
        reasons=draft.reasons | {"tokenize": f"pieces of words as numbers; the first {length} of a text are read"},
        network=network,
        network_reason=why,
        optimizer={"type": "adamw", "lr": 0.002, "weight_decay": 0.05},
        patience=5 if table.rows < 5_000 else 3,  # few texts to choose by: their loss goes up and down
        epochs=20,
        batch_size=32 if table.rows < 5_000 else 64,
        threads=1 if network["type"] == "gru" else None,
        needs=NEEDS,
    )


def vocabulary(rows: int) -> int:
    """Pieces to know: as many as these texts show often enough to learn from."""
    return min(8000, max(1000, rows // 500 * 500))


def _words(table: Table, texts: list[str]) -> tuple[dict[str, float], dict[str, float]]:
    """The words of a usual and of a long text, one of 20, by column."""
    import polars as pl

    head = table.scan().select(texts).head(LOOKED_AT)
    counts = head.select(pl.col(texts).str.count_matches(r"\S+")).collect()
    usual = {name: float(counts[name].median() or 1) for name in texts}  # type: ignore[arg-type]
    long = {name: float(counts[name].quantile(0.95) or 1) for name in texts}
    return usual, long
