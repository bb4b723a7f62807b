from typing import Annotated

import pytest
from pydantic import TypeAdapter, ValidationError

from recipeline import Loss
from recipeline.recipe.by_name import FAMILY_KEY, ByName


class Fine(Loss, name="fine"):
    """A loss."""

    power: int = 2

    def build(self, target):
        raise NotImplementedError


ADAPTER = TypeAdapter(Annotated[Loss, ByName()])


def test_a_name_a_mapping_and_a_plugin_are_taken(catalog_of):
    context = {"catalog": catalog_of(Fine)}
    assert ADAPTER.validate_python("fine", context=context) == Fine()
    assert ADAPTER.validate_python({"type": "toys/fine", "power": 3}, context=context) == Fine(power=3)
    assert ADAPTER.validate_python(Fine(power=4)) == Fine(power=4)
    assert ADAPTER.dump_python(Fine(power=4)) == {"type": "fine", "power": 4}
    assert ADAPTER.json_schema() == {FAMILY_KEY: "loss"}


@pytest.mark.parametrize(
    ("value", "kind", "place"),
    [
        (5, "plugin_form", ()), (None, "plugin_form", ()), ({}, "plugin_type", ()), ({"type": 5}, "plugin_type", ()),
        ("x", "plugin_name", ()), ({"type": "fine", "power": "a"}, "int_type", ("power",)),
        ({"type": "fine", "x": 1}, "extra_forbidden", ("x",)),
    ],
)  # fmt: skip
def test_what_is_wrong_is_placed_inside_the_settings(catalog_of, value, kind, place):
    with pytest.raises(ValidationError) as caught:
        ADAPTER.validate_python(value, context={"catalog": catalog_of(Fine)})
    [error] = caught.value.errors()
    assert (error["type"], error["loc"]) == (kind, place)
