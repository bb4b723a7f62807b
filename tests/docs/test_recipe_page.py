"""docs/recipe.md: every key of a recipe with its default and its meaning, and examples that are recipes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipeline.families.documentation import setting_docs
from recipeline.recipe.load import load_recipe, parse
from recipeline.recipe.model import Recipe, Section

PAGE = (Path(__file__).parents[2] / "docs" / "recipe.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)


def rows(section: type[Section] = Recipe, above: str = "") -> Iterator[str]:
    """The table's rows, from what the settings say of themselves."""
    docs = setting_docs(section)
    for name, field in section.model_fields.items():
        key, inner = f"{above}{name}", field.annotation
        meaning = " ".join(docs[name].split()).replace("|", "\\|")
        if isinstance(inner, type) and issubclass(inner, Section):
            yield f"| `{key}` | | {meaning} |"
            yield from rows(inner, f"{key}.")
            continue
        value = field.get_default(call_default_factory=True)
        default = "required" if field.is_required() else "" if value is None else f"`{_written(value)}`"
        yield f"| `{key}` | {default} | {meaning} |".replace("|  |", "| |")


def _written(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def test_every_key_has_its_row():
    missing = [row for row in rows() if row not in PAGE]
    assert not missing, "docs/recipe.md needs these rows:\n" + "\n".join(missing)


def test_no_row_is_of_a_key_that_is_gone():
    table = PAGE[PAGE.index("| key |") : PAGE.index("`$schema` at the top")]
    assert re.findall(r"^\| `.*$", table, re.M) == list(rows())


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_recipes(text):
    assert parse(text, "example.yaml", variables={"SALES_FILE": "s.csv", "SALES_STORE": "sqlite:///s.db"}).recipe.name


def test_the_overrides_can_be_typed(tmp_path):
    shown = re.findall(r"^\| `'?([^`']+)'?` \| ", PAGE[PAGE.index("| override |") :], re.M)
    assert len(shown) == 6
    text = EXAMPLES[1] + "scheduler: cosine\n"
    (tmp_path / "houses.yaml").write_text(text)
    for override in shown:
        load_recipe(tmp_path / "houses.yaml", [override])
