from pathlib import Path

import numpy as np
import polars as pl

from recipeline import END, SIGNS, Results, TargetSpec
from recipeline_plugins.report.examples import Examples, places

TARGET = TargetSpec("sequence", ("sound",), (*SIGNS, "HH", "AH", "L"), longest=2)
TRUTH = np.array([[4, 5, END], [6, END, 0], [5, 6, END], [4, END, 0]])
SAID = np.array([[4, 5], [6, 5], [5, 6], [0, 0]])
INPUTS = pl.DataFrame({"word": ["hu", "l", "ul", "h"], "expected": [1, 2, 3, 4], "wave": [[0.5], [1.0], [2.0], [3.0]]})


def test_a_table_of_inputs_truth_and_prediction(tmp_path: Path) -> None:
    results = Results(TARGET, {}, {}, TRUTH, SAID, raw_rows=lambda chosen: INPUTS[chosen])
    (path,) = Examples().write(results, tmp_path)
    assert path.name == "examples.csv"
    rows = pl.read_csv(path)
    assert rows.columns == ["word", "expected (input)", "expected", "predicted", "right"]
    assert rows["expected"].to_list() == ["HH AH", "L", "AH L", "HH"]
    assert rows["predicted"].fill_null("").to_list() == ["HH AH", "L AH", "AH L", ""]
    assert rows["right"].to_list() == [True, False, True, False]


def test_rows_are_spread_over_the_part(tmp_path: Path) -> None:
    assert places(10, 4) == [0, 2, 5, 7]
    assert places(3, 50) == [0, 1, 2]
    (path,) = Examples(rows=2).write(Results(TARGET, {}, {}, TRUTH, SAID), tmp_path)
    assert pl.read_csv(path)["expected"].to_list() == ["HH AH", "AH L"]


def test_nothing_was_predicted(tmp_path: Path) -> None:
    assert Examples().write(Results(TARGET, {}, {}), tmp_path) == []
