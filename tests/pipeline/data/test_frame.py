"""Columns between two steps: which a setting means, and where new ones stand."""

from typing import Any

import polars as pl
import pytest

from recipeline.catalog import installed
from recipeline.data.frame import Layout, order, put_back
from recipeline.errors import RecipeError
from recipeline.families.preprocessing import Columns, Preprocessing

LAYOUT = Layout(
    {"price_eu": "numeric", "city": "categorical", "price_us": "numeric", "member": "boolean"},
    {"price_eu": pl.Float64(), "city": pl.String(), "price_us": pl.Float64(), "member": pl.Boolean()},
)


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        ("all", ["price_eu", "city", "price_us", "member"]),
        ("numeric", ["price_eu", "price_us"]),
        ("datetime", []),
        ("city", ["city"]),
        ("price_*", ["price_eu", "price_us"]),
        (["member", "price_us"], ["price_us", "member"]),
        (["boolean", "c*"], ["city", "member"]),
    ],
)
def test_columns_are_chosen_by_role_name_and_glob(columns: Columns, chosen: list[str]) -> None:
    assert LAYOUT.choose(columns) == chosen


def test_the_target_can_be_named_where_it_may_be() -> None:
    assert LAYOUT.choose("all", ["y"])[-1] == "y"
    assert LAYOUT.choose("numeric", ["y"]) == ["price_eu", "price_us"]
    with pytest.raises(RecipeError):
        LAYOUT.choose("y")


def test_unknown_names_are_told_all_at_once() -> None:
    with pytest.raises(RecipeError) as caught:
        LAYOUT.choose(["cty", "cost_*"], path="preprocessing[0].columns")
    first, second = (str(problem) for problem in caught.value.problems)
    assert first == "preprocessing[0].columns: there is no column 'cty' here. Did you mean 'city'?"
    assert "no column matches 'cost_*' here" in second


@pytest.mark.parametrize(
    ("names", "chosen", "made", "expected"),
    [
        ("abc", "b", "b", "abc"),
        ("abc", "b", "", "ac"),
        ("abc", "b", "xy", "axyc"),
        ("abc", "ac", "ca", "abc"),
        ("abc", "ab", "bx", "bxc"),
        ("abc", "abc", "xyz", "xyz"),
    ],
)
def test_the_order_after_a_step(names: str, chosen: str, made: str, expected: str) -> None:
    assert "".join(order(list(names), list(chosen), list(made))) == expected


def test_columns_are_put_back_in_their_places() -> None:
    frame = pl.DataFrame({"a": [1], "b": [2], "c": [3]})
    assert put_back(frame, ["b"], pl.DataFrame({"x": [7], "y": [8]})).to_dicts() == [{"a": 1, "x": 7, "y": 8, "c": 3}]
    assert put_back(frame, ["a", "b", "c"], pl.DataFrame()).height == 1


def after(name: str, settings: dict[str, Any], frame: pl.DataFrame) -> Layout:
    layout = Layout({"city": "categorical", "n": "numeric"}, dict(frame.schema))
    family: type[Any] = Preprocessing
    step = installed().find(family, name).model_validate(settings)
    chosen = layout.choose(step.columns)
    state = step.fit(frame.lazy().select(chosen))
    made = step.transform(frame.lazy().select(chosen), state).collect().schema
    return layout.after(step, chosen, made, state)


def test_roles_follow_the_steps() -> None:
    frame = pl.DataFrame({"city": ["a", "b"], "n": [1, 2]})
    coded = after("ordinal", {}, frame)
    assert coded.roles["city"] == "categorical"
    assert coded.cardinalities["city"] >= 2
    hot = after("one_hot", {}, frame)
    assert "city" not in hot.roles
    assert hot.roles["n"] == "numeric"
    assert set(hot.roles.values()) <= {"numeric", "boolean"}
    assert after("standardize", {}, frame).roles == {"city": "categorical", "n": "numeric"}
    assert after("cast", {"columns": "n", "to": "text"}, frame).roles["n"] != "numeric"
