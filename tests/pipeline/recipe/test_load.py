import hashlib
import string

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import recipeline
from recipeline.errors import DataError, Problem, RecipeError, UsageError
from recipeline.recipe.dump import plain_to_yaml
from recipeline.recipe.load import load, load_recipe, located, parse

SPACE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


def test_the_good_recipe_is_read(good_file):
    recipe = load_recipe(good_file)
    assert recipe.name == "census"
    assert recipe.optimizer.lr == 0.001
    assert recipe.regularization[0].weight == 1e-4
    assert recipeline.load_recipe is load_recipe


def test_what_it_was_made_of_is_known(good, good_file):
    loaded = load(str(good_file), ["seed=3"])
    assert loaded.text == good == loaded.recipe.text
    assert loaded.sha256 == hashlib.sha256(good_file.read_bytes()).hexdigest()
    assert loaded.recipe.seed == 3


def test_dumped_and_read_again_it_is_equal(good_file, tmp_path):
    recipe = load_recipe(good_file)
    again = tmp_path / "again.yaml"
    again.write_text(plain_to_yaml(recipe.as_recipe()))
    assert load_recipe(again) == recipe
    assert load_recipe(again, ["seed=8"]) != recipe


def test_relative_paths_start_at_the_recipe(good_file):
    (good_file.parent / "census.csv").write_text("a\n1\n")
    assert load_recipe(good_file).data.source.resolve("census.csv") == good_file.parent / "census.csv"


def test_a_schema_for_editors_may_be_named(good, problems_of):
    assert problems_of("$schema: ./recipe.schema.json\n" + good) == []


def test_overrides_are_a_list(good_file):
    with pytest.raises(UsageError, match="overrides are a list of texts"):
        load_recipe(good_file, "seed=1")


@pytest.mark.parametrize("number", ["9" * 399, "-" + "9" * 390, "1e400", "0x" + "f" * 300, "1" + "0" * 20])
@pytest.mark.parametrize("place", ["lr: 0.001", "epochs: 20", "seed: 7", "dropout: 0.5", "batch_size: 32"])
def test_a_huge_number_is_a_number(good, place, number):
    _only_our_errors(good.replace(place, f"{place.partition(':')[0]}: {number}"))


def test_cross_checks_are_placed_and_sorted(good, problems_of):
    wrong = good.replace("loss: cross_entropy", "loss: mse").replace(
        "monitor: val/loss\n    p", "monitor: val/f2\n    p"
    )
    problems = problems_of(wrong)
    assert [(problem.line, problem.column, problem.path) for problem in problems] == [
        (36, 7, "loss"),
        (47, 14, "regularization[1].monitor"),
    ]


def _problems(text, *overrides):
    """What is wrong with a text; any exception but ours fails the test."""
    try:
        parse(text, "r.yaml", overrides)
    except RecipeError as error:
        return error.problems
    return []


def _only_our_errors(text):
    for problem in _problems(text):
        assert problem.file == "r.yaml"
        assert problem.line >= 1
        assert problem.column >= 1
        assert "Traceback" not in str(problem)


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_no_text_crashes_it(text):
    _only_our_errors(text)


@given(st.text(alphabet=string.ascii_lowercase[:3] + ":-[]{}#&*!|>'\"%@` \n\t,?<=~019.", max_size=80))
@settings(max_examples=300, deadline=None)
def test_no_punctuation_crashes_it(text):
    _only_our_errors(text)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = ["type", "lr", "hidden", "columns", "monitor", "weight", "path", "train", "task", "source", "target"]


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=SPACE)
def test_no_change_of_a_good_recipe_crashes_it(good, data):
    """Any value in any place of a good recipe, and any key added to any mapping."""
    plain = yaml.safe_load(good)
    for _ in range(data.draw(st.integers(1, 3))):
        node = plain
        while isinstance(node, dict | list) and node:
            key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
            if not isinstance(node[key], dict | list) or not node[key] or data.draw(st.booleans()):
                node[key] = data.draw(values)
                break
            node = node[key]
            if isinstance(node, dict) and data.draw(st.integers(0, 3)) == 0:
                node[data.draw(st.sampled_from(KEYS) | st.text(max_size=8))] = data.draw(values)
    _only_our_errors(plain_to_yaml(plain))


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=SPACE)
def test_no_damage_to_the_text_crashes_it(good, data):
    text = good
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.text(max_size=6)) + text[end:]
    _only_our_errors(text)


overrides_like = st.from_regex(r"~?[a-z.0-9\[\]'\"]{1,20}=?[\[{a-z0-9.,:}\]]{0,9}", fullmatch=True)


@given(st.lists(st.text(max_size=30) | overrides_like, max_size=3))
@settings(max_examples=200, deadline=None, suppress_health_check=SPACE)
def test_no_override_crashes_it(good, overrides):
    for problem in _problems(good, *overrides):
        assert problem.file.startswith("override ") or problem.line >= 1


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("data.target", "recipe.yaml:11:11  "),
        ("preprocessing[1].strategy", "recipe.yaml:26:15  "),
        ("optimizer.lr", "override 'optimizer.lr=0.5'  "),
        ("data.columns.nobody", "recipe.yaml:13:3  "),
        ("--target", ""),
    ],
)
def test_what_the_data_reveals_is_placed_in_the_recipe(good_file, monkeypatch, path, place):
    monkeypatch.chdir(good_file.parent)
    loaded = load("recipe.yaml", ["optimizer.lr=0.5"])
    error = DataError(Problem("it is wrong", path=path), Problem("so is this", file="x.csv", row=3, path=path))
    located(error, loaded)
    assert str(error).splitlines() == [f"{place}{path}: it is wrong.", f"x.csv, row 3  {path}: so is this."]
