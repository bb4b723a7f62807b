"""`replace`: wrong values by right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from recipeline import DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._column_types import WORDS, Kind, kind_of
from recipeline_plugins.preprocessing._values import Scalar, Storage, parsed, polars_type, spelled, storage, typed

if TYPE_CHECKING:
    import polars as pl


class Replace(Preprocessing, name="replace"):
    """Exchange values that stand for something else: `values: {"-999": null, "n/a": null, Adelei: Adelie}`.

    A value on the left is read as the column's type has it: -999 finds the number in a column of numbers and the
    text "-999" in a column of text. Nothing is learnt from the rows. Columns of dates and lists are left as they
    are.

    At serving: a missing value stays missing. A value that is not on the left stays as it is.

    Rahm & Do 2000, Data Cleaning: Problems and Current Approaches.
    """

    example = """
        preprocessing:
          - {type: replace, columns: numeric, values: {"-999": null}}
          - {type: replace, columns: species, values: {Adelei: Adelie}}
    """

    values: dict[str, Scalar | None] = Field(min_length=1)
    """Found value: what to put in its place; null makes it missing."""

    @field_validator("values", mode="before")
    @classmethod
    def _as_spelled(cls, values: Any) -> Any:
        """Keys as a recipe spells them: JSON has no others, so that settings survive being written and read."""
        if not isinstance(values, dict):
            return values
        if None in values:
            raise ValueError("null on the left means a missing value: that is what the step `impute` fills")
        return {spelled(key) if isinstance(key, bool | int | float) else key: new for key, new in values.items()}

    def fit(self, frame: pl.LazyFrame) -> State:
        """What is found and what is put, in each column's own type."""
        state: State = {}
        unread = set(self.values)
        for name, dtype in frame.collect_schema().items():
            kind = kind_of(dtype)
            if kind not in ("text", "integer", "number", "boolean"):
                continue
            stored = storage(kind, dtype)
            pairs = {key: parsed(key, stored) for key in self.values}
            found = {key: old for key, old in pairs.items() if old is not None}
            if not found:
                continue
            unread -= set(found)
            new = [self._replacement(name, key, kind) for key in found]
            result: Storage = "Float64" if any(type(value) is float for value in new) else stored
            state[name] = {"stored": stored, "result": result, "old": list(found), "new": new}
        if unread and frame.collect_schema():
            raise DataError(
                *(
                    Problem(f"`replace` is given '{key}', which no chosen column can hold", suggestion=_ADVICE)
                    for key in sorted(unread)
                )
            )
        return state

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names and kinds; whole numbers become Float64 when a fraction is put among them."""
        import polars as pl

        def replaced(name: str, learnt: dict[str, Any]) -> pl.Expr:
            column = typed(name, learnt["stored"])
            result = polars_type(learnt["result"])
            return column.replace_strict(
                pl.Series(
                    [parsed(key, learnt["stored"]) for key in learnt["old"]], dtype=polars_type(learnt["stored"])
                ),
                pl.Series(learnt["new"], dtype=result),
                default=column.cast(result),
                return_dtype=result,
            ).alias(name)

        return frame.with_columns(replaced(name, learnt) for name, learnt in state.items())

    def _replacement(self, name: str, key: str, kind: Kind) -> Scalar | None:
        """What to put for `key`, in the column's type."""
        new = self.values[key]
        if new is None or (kind == "boolean" and isinstance(new, bool)):
            return new
        if kind == "text":
            return spelled(new)
        if kind in ("integer", "number") and isinstance(new, int | float) and not isinstance(new, bool):
            return float(new) if kind == "number" else new
        raise DataError(
            Problem(
                f"`replace` can't put this for {key} in a column of {WORDS[kind]}",
                field=name,
                found=repr(new),
                suggestion="Give a value of the column's type, or convert the column with `cast` before.",
            )
        )


_ADVICE = "Correct its spelling, or choose other columns."
