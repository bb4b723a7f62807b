import pickle

import pytest
from pydantic import ValidationError

from recipeline.recipe.checks import named
from recipeline.recipe.load import parse
from recipeline.recipe.model import Recipe


@pytest.fixture
def recipe(good):
    return parse(good, "r.yaml").recipe


def test_it_is_frozen(recipe):
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 3


def test_from_plain_data_it_is_the_same_without_a_text(recipe):
    again = Recipe.model_validate(recipe.as_recipe())
    assert again == recipe
    assert again.text == ""
    assert again != recipe.as_recipe()


def test_it_names_its_targets_and_plugins(recipe, good):
    assert recipe.targets == ("income",)
    assert parse(good.replace("target: income", "target: [a, b]"), "r").recipe.targets == ("a", "b")
    assert [plugin for _, plugin in named(recipe)] == recipe.plugins()


def test_it_survives_a_pickle(recipe):
    assert pickle.loads(pickle.dumps(recipe)) == recipe
