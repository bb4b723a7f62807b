"""`python -m recipeline.serving.check MODEL_URI FOLDER`: a fresh interpreter's answers, compared with the expected.

Writes one line of JSON: the largest difference between numbers, and what else is wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def differences(answers: pl.DataFrame, expected: pl.DataFrame) -> tuple[float, str]:
    """The largest difference between two numbers, relative above 1, and in words whatever else is not the same."""
    if answers.columns != expected.columns:
        return 0.0, f"columns {answers.columns} instead of {expected.columns}"
    if answers.height != expected.height:
        return 0.0, f"{answers.height} rows instead of {expected.height}"
    largest = 0.0
    for name in expected.columns:
        one, other = answers[name], expected[name]
        if other.dtype.is_float():
            apart = ((one - other).abs() / other.abs().clip(lower_bound=1.0)).max()
            # A NaN is a difference too, and no number would say so.
            if one.is_nan().any() or one.null_count():
                return largest, f"'{name}' has values that are not numbers"
            largest = max(largest, float(apart or 0.0))  # type: ignore[arg-type]  # a float, of floats
        elif one.dtype != other.dtype:
            return largest, f"'{name}' is {one.dtype} instead of {other.dtype}"
        elif (wrong := (one != other).arg_true()).len():
            row = wrong[0]
            return largest, f"'{name}' is {one[row]!r} instead of {other[row]!r} in row {row + 1}"
    return largest, ""


def main(model_uri: str, folder: Path) -> None:
    """Load, answer, compare, print."""
    import mlflow.pyfunc
    import polars as pl

    from recipeline.serving.frames import to_pandas, to_polars

    model = mlflow.pyfunc.load_model(model_uri)
    rows = pl.read_parquet(folder / "rows.parquet")
    expected = pl.read_parquet(folder / "expected.parquet")
    pipeline = model.unwrap_python_model()._predictor.pipeline
    answers = to_polars(model.predict(to_pandas(rows, pipeline)))
    difference, wrong = differences(answers, expected)
    print(json.dumps({"difference": difference, "wrong": wrong}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
