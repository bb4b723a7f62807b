"""`one_hot`: a column of its own for each category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from recipeline import Columns, DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._column_types import CATEGORIES, is_missing, require
from recipeline_plugins.preprocessing._counts import counted
from recipeline_plugins.preprocessing._values import Scalar, polars_type, spelled, storage, typed

if TYPE_CHECKING:
    import polars as pl

MOST_COLUMNS = 10_000
"""More categories than this in one column are taken for a mistake, unless `max_categories` says otherwise."""


class OneHot(Preprocessing, name="one_hot"):
    """Replace a column by one true/false column for each category of the train rows: island_Biscoe, island_Dream.

    Categories are sorted. Rare ones, by `max_categories` or `min_frequency`, share `<column>_other`. A column with
    gaps in the train rows gets `<column>_missing`. Dates count as text.

    At serving: a category that training didn't see counts as `other` where there is such a column; else all of
    the column's indicators are false, or, with `unseen: error`, the row is refused. A missing value is true in
    `<column>_missing`, and false everywhere when training saw none.

    Suits 1957, Use of Dummy Variables in Regression Equations.
    """

    fits_beside = True

    example = """
        preprocessing:
          - {type: one_hot, columns: categorical, max_categories: 20}
    """

    new_role = "boolean"

    columns: Columns = "categorical"
    """The columns to replace."""
    max_categories: int | None = Field(default=None, ge=1)
    """How many categories of a column get a column of their own: the most frequent; ties go to the lesser value."""
    min_frequency: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None = None
    """In how many train rows a category has to be to get a column of its own; below 1, in what share of them."""
    drop_first: bool = False
    """Whether the first category's column is left out, for models that can't have columns that sum to 1."""
    unseen: Literal["zeros", "error"] = "zeros"
    """What a category that training didn't see gets."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """The categories of each column, whether some are rare, and whether some values are missing."""
        kinds = require(self, frame, CATEGORIES, "Choose columns: categorical, or convert it with `cast` before.")
        if not kinds:
            return {"columns": []}
        schema = frame.collect_schema()
        stored = {name: storage(kind, schema[name]) for name, kind in kinds.items()}
        found = counted(frame, {name: typed(name, stored[name]) for name in kinds})
        learnt = []
        for name in kinds:
            counts = dict(found[name].drop_nulls("value").iter_rows())
            kept = self._frequent(name, counts, int(found[name]["count"].sum()))
            learnt.append(
                {
                    "column": name,
                    "kind": kinds[name],
                    "stored": stored[name],
                    "categories": kept,
                    "other": len(kept) < len(counts),
                    "missing": bool(found[name]["value"].null_count()),
                }
            )
        state = {"columns": learnt}
        self._refuse_clashes(state)
        return state

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Boolean columns, in the place of the ones they come from."""
        return frame.select(
            indicator.alias(name) for learnt in state["columns"] for name, indicator in self._indicators(learnt)
        )

    def _frequent(self, name: str, counts: dict[Scalar, int], rows: int) -> list[Scalar]:
        """The categories that get a column of their own, sorted by value."""
        least = self.min_frequency or 0
        needed = least * rows if isinstance(least, float) else least
        kept = [category for category, count in counts.items() if count >= needed]
        if self.max_categories is not None:
            kept = sorted(kept, key=lambda category: -counts[category])[: self.max_categories]
        elif len(kept) > MOST_COLUMNS:
            raise DataError(
                Problem(
                    "`one_hot` would make a column for each category",
                    field=name,
                    found=f"{len(kept)} categories",
                    suggestion="Set `max_categories` or `min_frequency`, or use `ordinal`.",
                )
            )
        chosen = set(kept)
        return [category for category in counts if category in chosen]

    def _indicators(self, learnt: dict[str, Any]) -> list[tuple[str, pl.Expr]]:
        """Name and expression of each column that stands for `column`."""
        name, categories = learnt["column"], learnt["categories"]
        missing = is_missing(name, learnt["kind"])
        code = self._code(learnt)
        found = [(f"{name}_{spelled(category)}", code == position) for position, category in enumerate(categories)][
            self.drop_first :
        ]
        if learnt["other"]:
            found.append((f"{name}_other", (code == len(categories)) & ~missing))
        if learnt["missing"]:
            found.append((f"{name}_missing", missing))
        return found

    def _code(self, learnt: dict[str, Any]) -> pl.Expr:
        """The place among the categories, and their number for any other value."""
        import polars as pl

        values = pl.Series(learnt["categories"], dtype=polars_type(learnt["stored"]))
        column = typed(learnt["column"], learnt["stored"])
        if self.unseen == "error" and not learnt["other"]:
            column = column.map_batches(
                lambda series: _refuse_unseen(series, values, learnt["column"]),
                return_dtype=values.dtype,
                is_elementwise=True,
            )
        if values.dtype == pl.String and len(values):  # in two thirds of the time
            return column.cast(pl.Enum(values), strict=False).to_physical().cast(pl.Int32).fill_null(len(values))
        codes = pl.Series(range(len(values)), dtype=pl.Int32)
        return column.replace_strict(values, codes, default=len(values), return_dtype=pl.Int32)

    def _refuse_clashes(self, state: State) -> None:
        owner: dict[str, str] = {}
        for learnt in state["columns"]:
            for name, _ in self._indicators(learnt):
                if name in owner:
                    raise DataError(
                        Problem(
                            f"`one_hot` would make two columns named '{name}'",
                            field=learnt["column"],
                            found=f"also from column '{owner[name]}'",
                            suggestion="Rename a category with `replace`, or code one of the columns with `ordinal`.",
                        )
                    )
                owner[name] = learnt["column"]


def _refuse_unseen(series: pl.Series, known: pl.Series, name: str) -> pl.Series:
    unseen = series.filter(series.is_not_null() & ~series.is_in(known.implode()))
    if len(unseen):
        raise DataError(
            Problem(
                "`one_hot` meets a category that the train rows don't have",
                field=name,
                found=spelled(unseen[0]),
                suggestion="Write unseen: zeros to let such rows pass.",
            )
        )
    return series
