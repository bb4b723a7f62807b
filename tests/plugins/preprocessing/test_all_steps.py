"""What every step owes to the rows that are served: missing values, empty frames, rows that come alone."""

import json
import math
from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipeline import catalog
from recipeline_plugins.preprocessing import CLASSES

SETTINGS = {
    "drop_columns": [{"columns": "all"}],
    "cast": [{"to": "number"}, {"to": "text"}, {"to": "boolean", "invalid": "missing"}],
    "replace": [{"values": {"1": 2, "-1": None}}],
    "bin": [{}, {"method": "uniform", "bins": 3}],
    "clip_outliers": [{}, {"method": "quantile"}, {"method": "zscore"}],
    "impute": [{}, {"strategy": "mean", "indicator": True}, {"strategy": "constant", "value": 0}],
    "min_max": [{}, {"clip": True}],
    "log": [{"negative": "mirror"}],
    "power": [{}, {"standardize": False}],
    "quantile": [{"n_quantiles": 7}, {"output": "normal"}],
    "unit_norm": [{"norm": "l1"}, {"norm": "l2"}, {"norm": "max"}],
    "normalize_target": [{}, {"method": "min_max"}],
}
NOT_ON_NUMBERS = {"datetime_parts", "strip_text", "tokenize", "tokenize_target", "standardize_series"}
OF_IMAGES = {"load_image", "normalize_image", "resize"}
"""Held to the same promises in files of their own, with images."""
STEPS = [
    pytest.param(name, given_settings, id=f"{name}-{number}")
    for name in CLASSES
    if name not in OF_IMAGES
    for number, given_settings in enumerate(SETTINGS.get(name, [{}]))
]
NUMERIC_STEPS = [step for step in STEPS if step.values[0] not in NOT_ON_NUMBERS]


def built(name, given_settings):
    return catalog.installed().entry("preprocessing", name).load().model_validate(given_settings)


def frame(step, rows=6):
    """Columns that the step can work on."""
    if step.plugin_name == "datetime_parts":
        return pl.DataFrame({"t": [datetime(2020, 1, 1) + i * timedelta(hours=31) for i in range(rows)]})
    if step.plugin_name == "standardize_series":
        return pl.DataFrame({"s": [[float(i), i + 1.5, 0.0] for i in range(rows)]})
    if step.plugin_name in ("strip_text", "tokenize", "tokenize_target"):
        return pl.DataFrame({"s": [f" {i} " for i in range(rows)]})
    columns = {"x": [float(i * i) for i in range(rows)], "n": [i % 3 for i in range(rows)]}
    if getattr(step, "value", None) is None:  # no constant suits booleans and numbers at once
        columns["b"] = [i % 2 == 0 for i in range(rows)]
    return pl.DataFrame(columns)


@pytest.mark.parametrize(("name", "given_settings"), STEPS)
def test_no_rows_at_serving_have_the_same_schema(name, given_settings):
    step = built(name, given_settings)
    train = frame(step)
    state = step.fit(train.lazy())
    made = step.transform(train.lazy(), state).collect()
    empty = step.transform(train.clear().lazy(), state)
    assert empty.collect_schema() == made.schema
    assert empty.collect().schema == made.schema


@pytest.mark.parametrize(("name", "given_settings"), STEPS)
def test_no_train_rows_and_one_train_row(name, given_settings, apply):
    step = built(name, given_settings)
    one = frame(step, 1)
    made = apply(step, one)
    assert made.height == 1
    assert all_finite(made)
    if name == "tokenize_target" or (name == "impute" and given_settings.get("strategy") != "constant"):
        return  # refuses what it can't learn, as its own tests show
    assert all_finite(apply(step, one.clear(), one))


@pytest.mark.parametrize(("name", "given_settings"), STEPS)
def test_both_engines_agree_and_a_second_fit_learns_the_same(name, given_settings):
    step = built(name, given_settings)
    train = frame(step, 50)
    states = {json.dumps(step.fit(train.lazy()), allow_nan=False) for _ in range(3)}
    assert len(states) == 1
    lazy = step.transform(train.lazy(), json.loads(states.pop()))
    assert lazy.collect(engine="streaming").equals(lazy.collect(engine="in-memory"))


@pytest.mark.parametrize(("name", "given_settings"), STEPS)
def test_the_documentation_says_what_happens_at_serving(name, given_settings):
    text = type(built(name, given_settings)).__doc__
    assert "At serving: " in text
    serving = text.partition("At serving: ")[2]
    assert "missing" in serving


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Int8, pl.UInt64, pl.Boolean, pl.Decimal(10, 2)])
@pytest.mark.parametrize(("name", "given_settings"), NUMERIC_STEPS)
def test_numbers_of_every_type(name, given_settings, dtype, apply):
    if name == "replace" and dtype == pl.Boolean:
        return  # 1 is no boolean; its own tests have booleans
    step = built(name, given_settings)
    constant_of_numbers = given_settings.get("strategy") == "constant" and dtype == pl.Boolean
    if constant_of_numbers:
        return
    train = pl.DataFrame({"x": [0, 1, 1, None, 1, 0]}).cast(dtype)
    made = apply(step, train)
    assert made.height == 6
    assert all_finite(made)


def all_finite(made):
    floats = made.select(pl.selectors.float())
    return all(value is None or math.isfinite(value) for row in floats.rows() for value in row)


numbers = st.lists(
    st.one_of(
        st.none(),
        st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 5e-324, 1e-300, float("nan")]),
        st.floats(-1e30, 1e30, allow_nan=False),
    ),
    min_size=1,
    max_size=5,
)
served = st.one_of(numbers, st.lists(st.floats(), min_size=1, max_size=5))


@pytest.mark.parametrize(("name", "given_settings"), NUMERIC_STEPS)
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(train=numbers, rows=served)
def test_one_row_alone_gives_what_it_gives_among_others_and_nothing_is_infinite(name, given_settings, train, rows):
    step = built(name, given_settings)
    if all(value is None or math.isnan(value) for value in train):
        train = [*train, 1.0]
    learnt = pl.DataFrame({"x": train, "y": train[::-1]}, schema={"x": pl.Float64, "y": pl.Float64})
    state = json.loads(json.dumps(step.fit(learnt.lazy()), allow_nan=False))
    asked = pl.DataFrame({"x": rows, "y": rows[::-1]}, schema={"x": pl.Float64, "y": pl.Float64})
    whole = step.transform(asked.lazy(), state).collect()
    alone = [step.transform(asked.slice(row, 1).lazy(), state).collect() for row in range(asked.height)]
    assert whole.equals(pl.concat(alone), null_equal=True)
    if name not in PASSES_ON:
        assert all_finite(whole)


PASSES_ON = {"drop_duplicates", "drop_missing", "impute", "replace", "cast"}
"""Steps that leave a value that is there as it is, an infinite one too."""


def test_every_step_is_here():
    assert {step.values[0] for step in STEPS} | OF_IMAGES == set(CLASSES)
    assert set(CLASSES) == set(catalog.installed().names("preprocessing")) & set(CLASSES)
