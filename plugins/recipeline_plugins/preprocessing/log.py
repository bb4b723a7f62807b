"""`log`: orders of magnitude instead of amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from recipeline import Columns, DataError, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._statistics import finite, summarize, value

if TYPE_CHECKING:
    import polars as pl


class Log(Preprocessing, name="log"):
    """Take the logarithm of 1 + x: prices, counts and sizes, whose long tail would otherwise rule.

        x' = log(1 + x + shift)              negative: mirror: sign(x) log(1 + |x|), which is defined everywhere

    Without `mirror` train values of -1 - shift or less are refused.

    At serving: a missing value (null, NaN, or an infinity) stays missing. A value for which the logarithm is not
    defined is taken as the least train value, and becomes missing if there was none.

    Bartlett 1947, The Use of Transformations.
    """

    example = """
        preprocessing:
          - {type: log, columns: [income, "price_*"]}
          - {type: standardize, columns: numeric}
    """

    columns: Columns = "numeric"
    """The columns of numbers to work on; true and false count as 1 and 0."""
    shift: float = 0.0
    """Added before the logarithm: 10 for values that begin at -10."""
    negative: Literal["refuse", "mirror"] = "refuse"
    """What happens below the logarithm's domain: an error, or the same curve downwards."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Least value of each column, which has to be in the logarithm's domain."""
        found = summarize(self, frame, {"min": lambda x: x.min()})
        wrong = [
            Problem(
                f"`log` needs values above {-1 - self.shift:g}",
                field=name,
                found=f"{numbers['min']:g} in the train rows",
                suggestion="Set a larger `shift`, write negative: mirror, or use the step `power`.",
            )
            for name, numbers in found.items()
            if self.negative == "refuse" and numbers["min"] is not None and numbers["min"] + self.shift <= -1
        ]
        if wrong:
            raise DataError(*wrong)
        return {name: {"min": numbers["min"]} for name, numbers in found.items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        return frame.with_columns(
            finite(self._logarithm(value(name), learnt["min"])).alias(name) for name, learnt in state.items()
        )

    def _logarithm(self, x: pl.Expr, least: float | None) -> pl.Expr:
        import polars as pl

        shifted = x + self.shift
        if self.negative == "mirror":
            return shifted.sign() * shifted.abs().log1p()
        if least is None:
            return pl.when(shifted > -1).then(shifted.log1p())
        return (
            pl.when(shifted > -1)
            .then(shifted.log1p())
            .otherwise(pl.when(x.is_finite()).then(least + self.shift).log1p())
        )
