"""`normalize_target`: the target of a regression in a unit that is easy to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from recipeline import DataError, Problem, State, TargetTransform, Task
from recipeline_plugins.preprocessing._statistics import divided, divisor, finite, moments, summarize, value

if TYPE_CHECKING:
    import polars as pl
    import torch

LARGEST_LOGARITHM = 709.0
"""exp of more overflows a float64."""


class NormalizeTarget(TargetTransform, name="normalize_target"):
    """Learn the target in a unit in which it is around 0 with a spread of 1; metrics and predictions keep the original.

        standardize:  y' = (y - mean) / deviation
        min_max:      y' = (y - min) / (max - min)
        log:          y' = log(1 + y), then standardized

    `log` is for amounts with a long tail, and refused for train values of -1 or less. Mean, deviation and ends are
    those of the train rows; a constant target becomes zeros.

    At serving: undone in every prediction; the target itself isn't there, so it can be neither missing nor out
    of range. In the other parts a target for which the logarithm is not defined becomes missing.

    LeCun et al. 1998, Efficient BackProp, 4.3; the logarithm: Bartlett 1947, The Use of Transformations.
    """

    example = """
        preprocessing:
          - {type: standardize, columns: numeric}
          - {type: normalize_target, method: log}      # prices, incomes: a long tail
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({"regression", "forecasting"})
    """The tasks whose target is a number."""

    method: Literal["standardize", "min_max", "log"] = "standardize"
    """How the target is brought to its unit."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Offset and scale of each target, in the order of the frame's columns."""
        if self.method == "min_max":
            ends = summarize(self, frame, {"min": lambda y: y.min(), "width": lambda y: y.max() - y.min()})
            return {"targets": [_learnt(name, found["min"], found["width"]) for name, found in ends.items()]}
        if self.method == "log":
            self._refuse_below_domain(frame)
            names = frame.collect_schema().names()
            frame = frame.select(_growth(name).alias(name) for name in names)
        return {
            "targets": [_learnt(name, found.centre, found.deviation) for name, found in moments(self, frame).items()]
        }

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Float64 columns of the same names."""
        number = _growth if self.method == "log" else value
        return frame.with_columns(
            finite(divided(number(learnt["column"]) - learnt["offset"], learnt["scale"])).alias(learnt["column"])
            for learnt in state["targets"]
        )

    def inverse(self, values: torch.Tensor, state: State) -> torch.Tensor:
        """Back to the original unit, in float64: (batch, targets), in the order of the recipe's target."""
        import torch

        exact = values.double()
        scale = exact.new_tensor([learnt["scale"] for learnt in state["targets"]])
        offset = exact.new_tensor([learnt["offset"] for learnt in state["targets"]])
        restored = exact * scale + offset
        return torch.expm1(restored.clamp(max=LARGEST_LOGARITHM)) if self.method == "log" else restored

    def _refuse_below_domain(self, frame: pl.LazyFrame) -> None:
        least = summarize(self, frame, {"min": lambda y: y.min()})
        wrong = [
            Problem(
                "`normalize_target` with method: log needs values above -1",
                field=name,
                found=f"{found['min']:g} in the train rows",
                suggestion="Use method: standardize.",
            )
            for name, found in least.items()
            if found["min"] is not None and found["min"] <= -1
        ]
        if wrong:
            raise DataError(*wrong)


def _growth(name: str) -> pl.Expr:
    import polars as pl

    y = value(name)
    return pl.when(y > -1).then(y.log1p())


def _learnt(name: str, offset: float | None, spread: float | None) -> dict[str, Any]:
    return {"column": name, "offset": offset or 0.0, "scale": divisor(spread)}
