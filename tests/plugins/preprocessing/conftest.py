"""Fit and apply a step as a run and a served model do: lazily, and with a state that has been through JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from recipeline import Preprocessing

Applied = Callable[..., pl.DataFrame]


@pytest.fixture
def apply() -> Applied:
    """Fit on `train`, transform `rows` (the train rows by default)."""

    def fit_and_transform(step: Preprocessing, train: pl.DataFrame, rows: pl.DataFrame | None = None) -> pl.DataFrame:
        state = json.loads(json.dumps(step.fit(train.lazy()), allow_nan=False, sort_keys=True))
        return step.transform((train if rows is None else rows).lazy(), state).collect()

    return fit_and_transform


@pytest.fixture
def refused() -> Callable[[type[Preprocessing], dict[str, Any]], str]:
    """The words with which settings are refused."""

    def words(cls: type[Preprocessing], settings: dict[str, Any]) -> str:
        with pytest.raises(ValidationError) as caught:
            cls.model_validate(settings)
        return "\n".join(error["msg"] for error in caught.value.errors())

    return words
