"""What a sequence model makes of some rows, to be read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import PositiveInt

from recipeline import Report, Results

if TYPE_CHECKING:
    import polars as pl


def places(rows: int, shown: int) -> list[int]:
    """As many places as are shown, spread evenly over the rows: neither the best nor the worst."""
    count = min(rows, shown)
    return [place * rows // count for place in range(count)]


def table(results: Results, chosen: list[int]) -> pl.DataFrame:
    """The rows' inputs, what is expected, what is predicted, and whether that is right."""
    import polars as pl

    target = results.target
    expected = [target.text(results.truth[place].tolist()) for place in chosen]
    predicted = [target.text(results.prediction[place].tolist()) for place in chosen]
    right = [one == other for one, other in zip(expected, predicted, strict=True)]
    answers = pl.DataFrame({"expected": expected, "predicted": predicted, "right": right})
    if results.raw_rows is None:
        return answers
    raw: Any = results.raw_rows(chosen)
    plain = [column for column in raw if not column.dtype.is_nested() and column.dtype != pl.Binary]
    return pl.DataFrame([column.alias(_free(column.name, answers.columns)) for column in plain]).hstack(answers)


def _free(name: str, taken: list[str]) -> str:
    return f"{name} (input)" if name in taken else name


class Examples(Report, name="examples"):
    """Some rows with their inputs, the expected and the predicted sequence: a table to be read.

    Writes `examples.csv`, which the MLflow UI shows as a table. The rows are spread evenly over the judged part, so
    that they are typical of it.
    """

    example = """
        data:
          source: {type: csv, path: sounds.csv}
          target: sound
          task: sequence
          columns: {spelling: text}
        preprocessing:
          - {type: tokenize, columns: spelling, method: characters}
          - tokenize_target
        architecture: transformer
        reports: [curves, {type: examples, rows: 100}]
    """

    tasks = frozenset({"sequence"})

    rows: PositiveInt = 50
    """How many rows are shown."""

    def write(self, results: Results, folder: Path) -> list[Path]:
        """One CSV, or none when nothing was predicted."""
        if results.truth is None or results.prediction is None or not len(results.truth):
            return []
        path = folder / "examples.csv"
        table(results, places(len(results.truth), self.rows)).write_csv(path)
        return [path]
