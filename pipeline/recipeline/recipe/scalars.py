"""What a plain word in a recipe means: the core schema of YAML 1.2.

`1e-3` is a number, `no` and `on` are text, `010` is ten, `1:30` and dates are text. PyYAML reads YAML 1.1, where none
of that is so.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

MAX_DIGITS = 400
"""Longer numbers mean nothing to a training, and Python refuses to print them from 4300 digits on."""

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + word: float("inf") for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{"-" + word: float("-inf") for word in (".inf", ".Inf", ".INF")},
}
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OCTAL = re.compile(r"0o[0-7]+", re.ASCII)
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)


def resolve(text: str) -> Scalar:
    """The value of an unquoted word.

    Raises:
        ValueError: a number of more digits than anything here could use.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    integer = next((base for base, form in _BASES if form.fullmatch(text)), None)
    if integer is None and not _FLOAT.fullmatch(text):
        return text
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text)} characters; {MAX_DIGITS} is the longest that is read")
    return float(text) if integer is None else int(text.removeprefix("0o") if integer == 8 else text, integer)


_BASES = ((10, _INTEGER), (8, _OCTAL), (16, _HEXADECIMAL))
