"""Give every row its part, and refuse parts that nothing can be learnt from or judged by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from recipeline.data import roles as column_roles
from recipeline.data.batched import of_table
from recipeline.data.read import Table
from recipeline.errors import DataError, Problem, RecipeError, RecipelineError
from recipeline.families.spec import PARTS, Part, Role
from recipeline.families.split import FILE_COLUMN, Split

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from recipeline.recipe.model import Recipe

LEFT_OUT = 255
"""The code of a row that belongs to no part; the others are indices into `PARTS`."""

LOOKED_AT = 65_536
"""Rows that may show every class there is."""


@dataclass(frozen=True)
class SplitTable:
    """A table with each row's part, and what the train rows alone say of the columns."""

    table: Table
    codes: np.ndarray
    """uint8 (rows,): index into `PARTS`, or `LEFT_OUT`."""
    roles: dict[str, Role]
    """Every column's role, inferred from the train rows and overruled by the recipe."""
    features: tuple[str, ...]
    """The columns that the model may see, in the source's order."""
    notes: tuple[str, ...] = ()

    @cached_property
    def counts(self) -> dict[Part, int]:
        """Rows by part; parts without rows are left out."""
        import numpy as np

        found = np.bincount(self.codes, minlength=256)
        return {part: int(found[code]) for code, part in enumerate(PARTS) if found[code]}

    def parts(self) -> pl.Series:
        """The part of each row as a word, null for rows that belong to none."""
        import polars as pl

        words = pl.Series([*PARTS, None], dtype=pl.String)
        index = pl.Series(self.codes).replace(LEFT_OUT, len(PARTS)).cast(pl.UInt32)
        return words.gather(index).alias("part")


def split(table: Table, recipe: Recipe, given: pl.Series | None = None) -> SplitTable:
    """Assign each row its part.

    Args:
        table: From `read`.
        recipe: With its defaults filled in.
        given: Each row's part, where an earlier run has it already; counts if it is of as many rows.

    Raises:
        DataError: the rows don't allow this split, a target is missing, or a part is not fit for its purpose.
    """
    import polars as pl

    how = recipe.data.split
    if how is None:
        raise RecipelineError("The recipe's defaults are not filled in: data.split is open.")
    needs = how.needs(table.targets)
    unknown = [name for name in needs if name not in table.schema and name != FILE_COLUMN]
    if unknown:
        raise RecipeError(
            *[
                Problem(
                    f"the split '{how.plugin_name}' needs a column '{name}', which isn't there",
                    path="data.split",
                    suggestion=column_roles.did_you_mean(name, table.schema),
                )
                for name in unknown
            ]
        )
    columns = [name for name in needs if name in table.schema]
    rows = table.scan().select(columns).collect() if columns else pl.DataFrame(height=table.rows)
    if FILE_COLUMN in needs and FILE_COLUMN not in table.schema:
        rows = rows.with_columns(table.file_names())
    taken = given is not None and len(given) == table.rows
    assigned = given if taken and given is not None else how.assign(rows, table.targets, recipe.seed)
    codes = _codes(assigned, table.rows, how)
    labels = _Labels(table)
    _check_missing_targets(labels, table, codes)
    notes = _check_parts(codes, how, table)
    if given is not None and not taken:
        notes.append(f"The earlier split is of {len(given):,} rows, and there are {table.rows:,}: it is made anew.")
    hidden = {*table.targets, *how.hides()}
    train = of_table(table.path, codes == PARTS.index("train"))
    roles, left_out, _ = column_roles.infer(train, table.overruled, table.few)
    notes += [
        note for name, note in left_out.items() if name not in hidden and table.roles[name] != "ignore"
    ]  # those that all rows leave out have been told by `read`
    for name in how.hides():
        if name in table.schema and name not in table.targets:
            notes.append(f"Column '{name}' decides the split, so the model doesn't see it.")
    if table.task in ("binary", "multiclass"):
        _check_classes(labels, table, codes)
    features = tuple(name for name in table.schema if name not in hidden and roles[name] != "ignore")
    if not features:
        raise DataError(
            Problem("no column is left to learn from", file=table.location, suggestion="See the roles in data.columns.")
        )
    return SplitTable(table=table, codes=codes, roles=roles, features=features, notes=tuple(notes))


def _codes(assigned: pl.Series, rows: int, how: Split) -> np.ndarray:
    import polars as pl

    words = assigned if assigned.dtype in (pl.String, pl.Enum, pl.Categorical) else assigned.cast(pl.String)
    # As an Enum a word takes a byte.
    coded = words.cast(pl.Enum(PARTS), strict=False).to_physical().cast(pl.UInt8)
    if len(words) != rows or coded.null_count() > words.null_count():
        strange = sorted(set(words.drop_nulls().unique().cast(pl.String)) - set(PARTS))
        what = f"gave the words {strange}" if len(assigned) == rows else f"gave {len(assigned)} words for {rows} rows"
        raise RecipelineError(f"The split '{how.plugin_name}' {what}: expected one of {', '.join(PARTS)} for each row.")
    return coded.fill_null(LEFT_OUT).to_numpy().copy()


@dataclass(frozen=True)
class _Labels:
    """The targets, read when someone looks at them: 2,000,000 words take 32 MB, and often need no look."""

    table: Table

    @cached_property
    def all(self) -> pl.DataFrame:
        """Of all rows."""
        return self.table.scan().select(self.table.targets).collect()

    def first(self) -> pl.Series:
        """The only target in the first rows."""
        return self.table.scan().select(self.table.targets).head(LOOKED_AT).collect().to_series()

    def words(self, name: str) -> int | None:
        """How many different ones this target holds, where that is known."""
        return self.table.words[name].height if name in self.table.words else None

    def is_full(self, name: str) -> bool:
        """Whether it is known that this target has a word in every row."""
        return name in self.table.words and int(self.table.words[name]["rows"].sum()) == self.table.rows


def _check_missing_targets(labels: _Labels, table: Table, codes: np.ndarray) -> None:
    import polars as pl

    problems = []
    for name in table.targets:
        if labels.is_full(name) or not labels.all[name].null_count():
            continue
        missing = (labels.all[name].is_null() & pl.Series(codes != LEFT_OUT)).arg_true()
        if len(missing):
            rest = f", here and in {len(missing) - 1:,} more rows" if len(missing) > 1 else ""
            file, row = table.place(missing[0])
            problems.append(
                Problem(
                    f"the target is missing{rest}",
                    file=file,
                    row=row,
                    field=name,
                    suggestion="Fill it in, or take such rows out of the data.",
                )
            )
    if problems:
        raise DataError(*problems)


def _check_parts(codes: np.ndarray, how: Split, table: Table) -> list[str]:
    import numpy as np

    counts = np.bincount(codes, minlength=256)
    problems = [
        Problem(
            f"the {part} part has no rows",
            file=table.location,
            found=f"{table.rows:,} rows in all",
            suggestion="Give it a larger share in data.split, or bring more rows.",
        )
        for code, part in enumerate(PARTS)
        if how.has(part) and not counts[code]
    ]
    if problems:
        raise DataError(*problems)
    if counts[LEFT_OUT]:
        return [f"The split '{how.plugin_name}' leaves out {counts[LEFT_OUT]:,} of {table.rows:,} rows."]
    return []


def _check_classes(labels: _Labels, table: Table, codes: np.ndarray) -> None:
    """One class teaches nothing; a class that train never shows can't be predicted."""
    import polars as pl

    name, parts = table.targets[0], pl.Series(codes)
    train = parts == PARTS.index("train")
    first = labels.first().filter(train.head(LOOKED_AT)).unique()
    words = labels.words(name)
    # Where the first rows show every word there is, the others needn't be looked at.
    known = first if first.len() == words and not first.null_count() else labels.all[name].filter(train).unique()
    if len(known) < 2:
        raise DataError(
            Problem(
                "the train part shows one class only",
                file=table.location,
                field=name,
                found=repr(known.to_list()[0]) if len(known) else "none",
                suggestion="Choose another data.target, or split so that every class has train rows.",
            )
        )
    if table.task == "binary" and len(known) > 2:
        raise DataError(
            Problem(
                "the task binary has two classes",
                file=table.location,
                field=name,
                found=f"{len(known)} in the train part",
                suggestion="Set data.task: multiclass.",
            )
        )
    if (words or labels.all[name].n_unique()) > len(known):  # to look for the rows takes several times as long
        _refuse_unseen(labels.all[name], parts, known, table)


def _refuse_unseen(labels: pl.Series, parts: pl.Series, known: pl.Series, table: Table) -> None:
    unseen = (~labels.is_in(known.implode()) & (parts != LEFT_OUT)).arg_true()
    problems = []
    told: set[Any] = set()
    for row in unseen:
        label = labels[row]
        if label in told:
            continue
        told.add(label)
        file, number = table.place(row)
        problems.append(
            Problem(
                f"a class of the {PARTS[parts[row]]} part never occurs in the train part",
                file=file,
                row=number,
                field=table.targets[0],
                found=repr(label),
                suggestion="Stratify the split, bring more rows of this class, or take it out of the data.",
            )
        )
        if len(problems) == 10:
            break
    if problems:
        raise DataError(*problems)
