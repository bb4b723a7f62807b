"""`python -m recipeline.serving.check`: a fresh interpreter's answers, compared with the expected ones.

When everything is imported it reads a line of JSON from stdin: the name of a folder, and the number of threads. It
writes one line of JSON: the largest difference between two numbers, and what else is wrong.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

MODEL = "model"
ROWS = "rows.parquet"
EXPECTED = "expected.parquet"
"""What lies in the folder."""


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


def compared(folder: Path) -> dict[str, Any]:
    """The `difference` of the model's answers to the rows in this folder, and in words what else is `wrong`."""
    import mlflow.pyfunc
    import polars as pl

    from recipeline.serving.frames import to_pandas, to_polars

    # Comparing versions with the requirements takes a second, and they are those of the process that logged them.
    model = mlflow.pyfunc.load_model(str(folder / MODEL), suppress_warnings=True)
    rows = pl.read_parquet(folder / ROWS)
    expected = pl.read_parquet(folder / EXPECTED)
    pipeline = model.unwrap_python_model().predictor.pipeline
    difference, wrong = differences(to_polars(model.predict(to_pandas(rows, pipeline))), expected)
    return {"difference": difference, "wrong": wrong}


def main() -> None:
    """Import everything, wait for a folder, compare what is in it, print."""
    from recipeline.collector import collecting_seldom
    from recipeline.serving.fresh import GAVE_UP, PATIENCE_S

    with collecting_seldom():
        for name in ("mlflow.pyfunc", "polars", "recipeline.network", "recipeline.serving.bundle"):
            importlib.import_module(name)  # what the model will ask for, while there is time
        import torch

    impatience = threading.Timer(PATIENCE_S, os._exit, [GAVE_UP])
    impatience.daemon = True
    impatience.start()
    line = sys.stdin.readline()
    impatience.cancel()
    if not line:
        return  # whoever started this has given up
    asked = json.loads(line)
    torch.set_num_threads(asked["threads"])
    print(json.dumps(compared(Path(asked["folder"]))), flush=True)
    os._exit(0)  # taking apart all that was imported takes longer than the answers did


if __name__ == "__main__":
    main()
