"""From plain data to YAML that this project reads back as the same data."""

from __future__ import annotations

from typing import Any

import yaml

from recipeline.recipe.scalars import resolve


class _Dumper(yaml.SafeDumper):
    """PyYAML writes for readers of YAML 1.1: it leaves `0o17` and `1e3` unquoted, which 1.2 reads as numbers."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write equal parts out each time: a recipe has no aliases."""
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and text.isprintable() is False and not any(line.endswith(" ") for line in text.split("\n")):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    try:
        plain = resolve(text) if text else None
    except ValueError:
        plain = None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if isinstance(plain, str) else "'")


def _number(dumper: _Dumper, number: float) -> yaml.ScalarNode:
    if number - number != 0:
        word = ".nan" if number != number else ".inf" if number > 0 else "-.inf"
        return dumper.represent_scalar("tag:yaml.org,2002:float", word)
    text = repr(number)
    # PyYAML's resolver wants a dot before an exponent, or it would add a tag.
    mantissa, e, exponent = text.partition("e")
    return dumper.represent_scalar(
        "tag:yaml.org,2002:float", f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text
    )


_Dumper.add_representer(str, _text)
_Dumper.add_representer(float, _number)


def to_yaml(data: Any) -> str:
    """YAML for mappings, lists, text, numbers, true, false and null; keys in their order."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    return text
