import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import jsonschema
import pytest
import yaml

from recipeline import Architecture, Loss, Source
from recipeline.catalog import Catalog, installed
from recipeline.recipe.dump import plain_to_yaml
from recipeline.recipe.json_schema import build, settings
from recipeline.recipe.load import parse


@pytest.fixture(scope="module")
def schema():
    return build(installed())


@pytest.fixture(scope="module")
def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def plain(text):
    return parse(text, "r.yaml").root.plain()


def test_the_good_recipe_is_accepted_short_and_written_out(good, validator):
    validator.validate(plain(good))
    validator.validate(parse(good, "r.yaml").recipe.as_recipe())
    validator.validate({"$schema": "./recipe.schema.json", **plain(good)})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("optimizer", "lr"), 0), (("optimizer", "lt"), 1), (("optimizer", "type"), "adan"), (("loss",), "adam"),
        (("training", "batch_size"), "ful"), (("training", "epochs"), 0), (("nmae",), "x"), (("data", "target"), 3),
        (("data", "task"), "x"), (("data", "source"), "csv"), (("metrics",), "accuracy"), (("seed",), -1),
        (("optimizer", "lr"), "${env:LR}"), (("name",), ""),
    ],
)  # fmt: skip
def test_a_wrong_recipe_is_refused(good, validator, path, value):
    recipe = copy.deepcopy(plain(good))
    inside = recipe
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    assert not validator.is_valid(recipe)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("optimizer",), None), (("optimizer",), "sgd"), (("optimizer",), "recipeline/sgd"),
        (("data", "source", "separator"), "${env:SEPARATOR}"), (("tracking", "uri"), "${env:URI}"),
        (("training", "devices"), [0, 1]), (("data", "target"), ["a", "b"]),
    ],
)  # fmt: skip
def test_every_way_to_write_it_is_accepted(good, validator, path, value):
    recipe = copy.deepcopy(plain(good))
    inside = recipe
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    validator.validate(recipe)
    text = plain_to_yaml(recipe)
    if "$" not in text:
        parse(text, "r.yaml")


def test_an_editor_has_something_to_show(schema):
    assert schema["properties"]["seed"]["description"].startswith("The same seed gives the same numbers")
    adam = schema["$defs"]["optimizer.adam"]
    assert adam["description"].startswith("Adam:")
    assert adam["properties"]["lr"]["description"].startswith("Learning rate")
    assert adam["required"] == ["type"]
    names = schema["$defs"]["loss"]["anyOf"][0]
    assert "huber" in names["enum"]
    assert len(names["enum"]) == len(names["enumDescriptions"])
    assert "csv" not in schema["$defs"]["source"]["anyOf"][0].get("enum", [])


def test_it_is_the_same_every_time(schema):
    assert json.dumps(build(installed())) == json.dumps(schema)


class Odd(Loss, name="odd"):
    """A stranger's loss."""

    tasks: ClassVar = {"regression"}
    power: int = 3
    """The exponent."""

    def build(self, target):
        raise NotImplementedError


class Other(Loss, name="odd"):
    """Another stranger's loss of the same name."""

    def build(self, target):
        raise NotImplementedError


class Net(Architecture, name="net"):
    """A network."""

    def build(self, inputs, outputs):
        raise NotImplementedError


class Rows(Source, name="rows"):
    """Rows."""

    def scan(self):
        raise NotImplementedError

    def fingerprint(self):
        return ""


def test_plugins_of_strangers_are_in_it(catalog_of):
    schema = build(catalog_of(Odd, Net, Rows))
    validator = jsonschema.Draft202012Validator(schema)
    recipe = {"name": "x", "data": {"source": "rows", "target": "y"}, "architecture": "net"}
    validator.validate({**recipe, "loss": {"type": "odd", "power": 2}})
    validator.validate({**recipe, "loss": {"type": "toys/odd", "power": 2}})
    assert not validator.is_valid({**recipe, "loss": {"type": "odd", "power": "2"}})
    assert not validator.is_valid({**recipe, "loss": "mse"})
    assert not validator.is_valid({**recipe, "optimizer": "adam"})


def test_of_two_with_one_name_the_vendor_must_be_said(catalog_of):
    schema = build(catalog_of(("a", "1", Odd), ("b", "2", Other), Net, Rows))
    validator = jsonschema.Draft202012Validator(schema)
    recipe = {"name": "x", "data": {"source": "rows", "target": "y"}, "architecture": "net"}
    validator.validate({**recipe, "loss": "b/odd"})
    validator.validate({**recipe, "loss": {"type": "a/odd", "power": 1}})
    assert not validator.is_valid({**recipe, "loss": "odd"})


def test_settings_alone_are_documented():
    assert settings(Odd)["properties"]["power"] == {"default": 3, "type": "integer", "description": "The exponent."}


def test_the_schema_speaks_of_numbers_that_yaml_reads(good, validator):
    assert yaml.safe_load("1.0e-4") == plain(good)["regularization"][0]["weight"]
    validator.validate(plain(good))


SHIPPED = Path(__file__).parents[3] / "recipes"


def test_the_shipped_schema_is_fresh():
    catalog = installed()
    own = {key: [e for e in entries if e.distribution == "recipeline"] for key, entries in catalog.entries.items()}
    fresh = build(Catalog(catalog.manager, {key: entries for key, entries in own.items() if entries}))
    written = (SHIPPED / "recipe.schema.json").read_text()
    assert json.loads(written) == fresh, "write it anew: recipeline schema -o recipes/recipe.schema.json"


def test_the_usual_checker_accepts_every_shipped_recipe_by_it():
    files = [str(path) for path in sorted(SHIPPED.glob("*.yaml"))]
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SHIPPED / "recipe.schema.json"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert files
    assert done.returncode == 0, done.stdout
