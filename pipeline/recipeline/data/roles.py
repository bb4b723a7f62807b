"""What each column is to the model, by a few rules that always give the same answer.

In this order; `data.columns` in the recipe overrules all of them:

1. A column without any value, or with the same value in every row, is ignored: nothing can be learnt from it.
2. Booleans are `boolean`, numbers `numeric` (also when each occurs once), dates and times `datetime`. Arrays of two or
   three dimensions and bytes are `image`, other arrays and lists of numbers `series`.
3. Words that all end like the name of an image file, where the first is such a file, are `image`.
4. Words that are different in more than half of the filled rows, and more than 20 of them, are `text` when they have
   more than 20 characters on average. Shorter ones are names or numbers of something, and ignored.
5. All other words are `categorical`.

The rules look at the rows that they are given: in a run, those of the train part.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from recipeline import nearest
from recipeline.data import arrays
from recipeline.data.batched import Batched, Words
from recipeline.errors import Problem, RecipeError
from recipeline.families.spec import ROLES, Role

if TYPE_CHECKING:
    import polars as pl

MANY = 20
"""Different words that a column may hold without being taken for text or for names."""
NAME_LENGTH = 20
"""Characters that names have at most, on average."""
LOOKED_AT = 100
"""First rows, which show of most columns that they are not constant."""
IMAGE_FILE = r"(?i)\.(png|jpe?g|bmp|gif|webp|tiff?|ppm|pgm)$"
"""How the name of an image file ends."""


def is_glob(word: str) -> bool:
    """Whether the word is a pattern rather than a name."""
    return any(sign in word for sign in "*?[")


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """The nearest column as a question, or the columns that there are."""
    known = list(names)
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return nearest.did_you_mean(word, known) or f"There are: {shown}."


def declared(columns: Mapping[str, Role], names: Iterable[str]) -> dict[str, Role]:
    """The roles that the recipe declares, by column; a name wins over a glob, a later glob over an earlier one.

    Raises:
        RecipeError: a name or a glob fits no column.
    """
    known = list(names)
    found: dict[str, Role] = {}
    problems = []
    for word, role in sorted(columns.items(), key=lambda item: item[0] in known):
        matching = [word] if word in known else [name for name in known if is_glob(word) and fnmatchcase(name, word)]
        found |= dict.fromkeys(matching, role)
        if not matching:
            what = "no column matches" if is_glob(word) else "there is no column"
            problems.append(
                Problem(f"{what} '{word}'", path=f"data.columns.{word}", suggestion=did_you_mean(word, known))
            )
    if problems:
        raise RecipeError(*problems)
    return found


def declared_role(columns: Mapping[str, Role], name: str) -> Role | None:
    """The role that the recipe declares for this column, if it does."""
    if name in columns:
        return columns[name]
    matching = [role for word, role in columns.items() if is_glob(word) and fnmatchcase(name, word)]
    return matching[-1] if matching else None


class Inferred(NamedTuple):
    """What columns are, as their rows show it."""

    roles: dict[str, Role]
    """Of every column."""
    notes: dict[str, str]
    """By column, of those that are left out."""
    few: frozenset[str]
    """The columns of words that hold no more than `MANY` different ones."""


def infer(
    rows: Batched,
    overruled: Mapping[str, Role],
    few: Collection[str] = (),
    counted: Mapping[str, pl.DataFrame] = MappingProxyType({}),
) -> Inferred:
    """The role of every column by the rules above.

    Args:
        rows: The rows to look at; one pass over them, but for paths.
        overruled: Roles that are given.
        few: Columns of which it is known that they hold few words, as more rows than these have shown.
        counted: Columns of which every `word` of these rows is known, and in how many `rows` it is.
    """
    import polars as pl

    schema = rows.schema
    open_names = [name for name in schema if name not in overruled]
    plain_words = _plain_words(rows, [name for name in open_names if name in few])
    words = {name: Words() for name in open_names if schema[name] == pl.String and name not in plain_words}
    plainly = _vary(rows.rows, [name for name in open_names if schema[name] != pl.String])
    known = {*words, *plain_words, *plainly}
    others = {name: _Constant(schema[name]) for name in open_names if name not in known}
    height = rows.height
    told = {name for name in words if name in counted and not counted[name]["word"].str.contains(IMAGE_FILE).any()}
    for name in told:
        words[name].add_counted(counted[name])
    untold = {name: seen for name, seen in (words | others).items() if name not in told}
    for batch in rows.of(list(untold)):
        for name, seen in untold.items():
            seen.add(batch[name])
    named = [name for name in words if re.search(IMAGE_FILE, words[name].first or "")]
    files = dict.fromkeys(named, True)
    for batch in rows.of(named):
        files = {name: files[name] and bool(batch[name].str.contains(IMAGE_FILE).all()) for name in named}

    roles: dict[str, Role] = {}
    notes: dict[str, str] = {}
    for name in schema:
        if name in overruled:
            roles[name] = overruled[name]
            continue
        if name in plainly:
            roles[name] = _by_type(schema[name])
            continue
        if name in plain_words:
            roles[name] = "categorical"
            continue
        filled = (words.get(name) or others[name]).filled
        constant = words[name].distinct <= 1 if name in words else others[name].constant
        if filled == 0 or (constant and filled == height > 1):
            roles[name] = "ignore"
            why = "it has no values" if filled == 0 else "it has the same value in every row"
            notes[name] = f"Column '{name}' is left out: {why}."
        elif name not in words:
            roles[name] = _by_type(schema[name])
        elif files.get(name) and Path(words[name].first or "").is_file():
            roles[name] = "image"
        elif (distinct := words[name].distinct) <= max(MANY, filled / 2):
            roles[name] = "categorical"
        elif words[name].letters > NAME_LENGTH * filled:
            roles[name] = "text"
        else:
            roles[name] = "ignore"
            notes[name] = (
                f"Column '{name}' is left out: {distinct:,} of {filled:,} values are different, as names are. To use "
                f"it, write data.columns: {{{name}: categorical}}."
            )
    return Inferred(roles, notes, plain_words | {name for name in words if words[name].distinct <= MANY})


def _plain_words(rows: Batched, names: Sequence[str]) -> frozenset[str]:
    """Those of these columns, which hold few words, whose first rows show that they are neither constant nor files."""
    first = next(rows.of(names), None)
    if first is None:
        return frozenset()
    seen = {name: first[name].drop_nulls().head(LOOKED_AT) for name in names}
    return frozenset(
        name for name, some in seen.items() if some.n_unique() > 1 and not some.head(1).str.contains(IMAGE_FILE).any()
    )


@dataclass(slots=True)
class _Constant:
    """Whether a column that holds no words has the same value in every filled row."""

    dtype: pl.DataType
    filled: int = 0
    least: Any = None
    largest: Any = None

    def add(self, column: pl.Series) -> None:
        """Take in the next rows."""
        import polars as pl

        self.filled += column.count()
        if self.dtype.is_nested() or self.dtype == pl.Binary or not column.count():
            return  # these have no order, and no least one
        least, largest = column.min(), column.max()
        self.least = least if self.least is None else min(self.least, least)
        self.largest = largest if self.largest is None else max(self.largest, largest)

    @property
    def constant(self) -> bool:
        """Whether it has; False where values can't be put in order."""
        import polars as pl

        return not (self.dtype.is_nested() or self.dtype == pl.Binary) and self.least == self.largest


def _vary(rows: pl.LazyFrame, names: Sequence[str]) -> set[str]:
    """Those of these columns, which hold no words, whose first rows show already that they are not constant."""
    import polars as pl

    schema = rows.collect_schema()
    plain = [name for name in names if not schema[name].is_nested() and schema[name] != pl.Binary]
    if not plain:
        return set()
    first = rows.select(plain).head(LOOKED_AT).collect()
    return {name for name in plain if first[name].n_unique() > 1}


def _by_type(dtype: pl.DataType) -> Role:
    import polars as pl

    if dtype == pl.Boolean:
        return "boolean"
    if dtype == pl.Binary:
        return "image"
    if dtype.is_nested():
        return arrays.role_of(dtype)
    if dtype.is_temporal():
        return "datetime"
    return "numeric"


def of_type(dtype: pl.DataType) -> Role:
    """The role of a column that a step has made, known by its type alone."""
    import polars as pl

    return "categorical" if dtype == pl.String else _by_type(dtype)


def as_role(word: str) -> Role | None:
    """The role of this name, if it is one."""
    return cast("Role", word) if word in ROLES else None
