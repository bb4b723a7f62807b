"""A recipe as YAML text, in the form that a person would write and that loads to an equal recipe."""

from __future__ import annotations

from typing import Any

import yaml

from recipeline.recipe.model import Recipe
from recipeline.recipe.scalars import resolve

WIDTH = 110
"""Columns of a line before a list or mapping is broken."""


class _Dumper(yaml.SafeDumper):
    """Writes plain values for a reader of YAML 1.2, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a value that stands in two places twice: recipes know no aliases."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent the items of a list below its key, as people do."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # `1e-3` is a word to PyYAML, which would leave it bare; to us, reading YAML 1.2, it is a number.
    try:
        bare = resolve(value) == value
    except ValueError:
        bare = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if bare else '"')


_Dumper.add_representer(str, _text)


def to_yaml(recipe: Recipe) -> str:
    """The recipe with every default written out; settings that are open (null) are left out.

    The value of an environment variable is not among them: where `${env:NAME}` stood, it stands again.
    """
    return plain_to_yaml({key: value for key, value in recipe.as_recipe().items() if value is not None})


def plain_to_yaml(data: Any) -> str:
    """Plain data (mappings, lists, text, numbers) as YAML."""
    text = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, default_flow_style=None)
    assert isinstance(text, str)
    return text
