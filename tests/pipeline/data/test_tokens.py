"""Sequences as codes: the train rows' tokens alone, the end after them, what is cut, unknown or empty."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from recipeline.catalog import installed
from recipeline.data import tokens
from recipeline.data.pipeline import FittedPipeline, FittedStep
from recipeline.data.prepared import PreparedData
from recipeline.errors import DataError
from recipeline.families.preprocessing import TargetTokens
from recipeline.families.spec import END, PADDING, SIGNS, UNKNOWN
from recipeline.recipe.model import Recipe
from recipeline_plugins.preprocessing.tokenize_target import TokenizeTarget

FRAME = pl.DataFrame({"sound": ["B A", "A", "A B A B", "C A"]})
TRAIN = np.array([True, True, True, False])
A, B = len(SIGNS), len(SIGNS) + 1  # A is the more frequent one


def fitted(**settings: Any) -> FittedStep:
    step = TokenizeTarget.model_validate(settings)
    return FittedStep(step, ("sound",), step.fit(FRAME.filter(pl.Series(TRAIN)).lazy()), ("sound",))


def test_codes_of_the_train_rows_tokens_and_the_end() -> None:
    spec = tokens.describe(fitted(), FRAME, TRAIN)
    assert spec.classes == (*SIGNS, "A", "B")
    assert (spec.task, spec.outputs, spec.longest, spec.separator) == ("sequence", 6, 4, " ")
    coded = tokens.encode(fitted(), FRAME, "x.csv", np.arange(4))
    assert coded.values.dtype == np.int64
    assert coded.values.tolist() == [
        [B, A, END, PADDING, PADDING],
        [A, END, PADDING, PADDING, PADDING],
        [A, B, A, B, END],
        [UNKNOWN, A, END, PADDING, PADDING],  # the train rows have no C
    ]
    assert coded.cut == 0
    assert [spec.text(row) for row in coded.values.tolist()] == ["B A", "A", "A B A B", "[UNK] A"]


def test_what_is_cut_has_no_end() -> None:
    step = fitted(length=2)
    assert tokens.describe(step, FRAME, TRAIN).longest == 2
    coded = tokens.encode(step, FRAME, "x.csv", np.arange(4))
    assert coded.values.tolist() == [[B, A, END], [A, END, PADDING], [A, B, PADDING], [UNKNOWN, A, END]]
    assert coded.cut == 1


def test_a_target_without_a_token_is_named_by_its_row() -> None:
    frame = pl.DataFrame({"sound": ["A", "  ", ""]})
    with pytest.raises(DataError, match=r"row 13, column 'sound'.*no token, here and in 1 more rows.*found '  '"):
        tokens.encode(fitted(), frame, "x.csv", np.array([11, 12, 13]))


ROWS = 60


def spelt(other: str = "L M") -> pl.DataFrame:
    """Spellings and sounds; `other` is said in the rows that aren't train rows."""
    part = ["train", "train", "validation", "train", "test"] * (ROWS // 5)
    words = [f"{'abcde'[i % 5]}{'xyz'[i % 3]}{i}" for i in range(ROWS)]
    sounds = [f"{'ABCDE'[i % 5]} {'XYZ'[i % 3]}" if part[i] == "train" else f"A {other}" for i in range(ROWS)]
    return pl.DataFrame({"word": words, "y": sounds, "part": part})


SECTIONS: dict[str, Any] = {
    "data": {"columns": {"word": "text"}, "split": {"type": "column", "column": "part"}, "task": "sequence"},
    "preprocessing": [{"type": "tokenize", "columns": "word", "method": "characters"}, {"type": "tokenize_target"}],
    "architecture": {"type": "transformer", "width": 8, "heads": 2},
}


def test_arrays_of_a_recipe_and_the_pipeline_that_comes_back_from_json(
    make_recipe: Callable[..., Recipe], make_ready: Callable[[Recipe], PreparedData]
) -> None:
    made = make_ready(make_recipe(spelt(), **SECTIONS))
    assert set(made.target.classes[len(SIGNS) :]) == set("ABDXYZ")  # the third and fifth word of five is no train row
    assert made.target.longest == 2
    assert made.parts["train"].target.dtype == np.int64
    assert made.parts["train"].target.shape == (36, 3)
    assert made.parts["test"].target[0].tolist()[1:] == [UNKNOWN, UNKNOWN, END]
    again = make_ready(make_recipe(spelt(), **SECTIONS))
    assert again.cache_hit
    assert again.target == made.target
    text = json.dumps(made.pipeline.to_json())
    back = FittedPipeline.from_json(json.loads(text), installed())
    assert back.to_json() == made.pipeline.to_json()
    assert back.target == made.target
    assert isinstance(back.target_steps[0].plugin, TargetTokens)
    assert back.restore_target(torch.ones(2, 1)).tolist() == [[1.0], [1.0]]  # nothing to undo


def test_other_parts_decide_nothing(
    make_recipe: Callable[..., Recipe], make_ready: Callable[[Recipe], PreparedData], tmp_path: Path
) -> None:
    one = make_ready(make_recipe(spelt(), **SECTIONS))
    other = make_ready(make_recipe(spelt("X X X X X"), **SECTIONS))
    assert one.pipeline.to_json() == other.pipeline.to_json()
    assert np.array_equal(one.parts["train"].target, other.parts["train"].target)


def test_cut_targets_are_told_of(
    make_recipe: Callable[..., Recipe], make_ready: Callable[[Recipe], PreparedData]
) -> None:
    steps = [SECTIONS["preprocessing"][0], {"type": "tokenize_target", "length": 2}]
    made = make_ready(make_recipe(spelt(), **(SECTIONS | {"preprocessing": steps})))
    assert "12 of 12 targets of the test part are longer than 2 tokens" in " ".join(made.notes)
    assert "train part are longer" not in " ".join(made.notes)


def test_a_missing_target_is_refused(
    make_recipe: Callable[..., Recipe], make_ready: Callable[[Recipe], PreparedData]
) -> None:
    holed = spelt().with_columns(y=pl.when(pl.int_range(pl.len()) != 7).then("y"))
    with pytest.raises(DataError, match=r"row 8, column 'y'.*the target is missing"):
        make_ready(make_recipe(holed, **SECTIONS))
