"""What the source of a class says about its settings: the string beneath each field.

Read when a schema or a table is written, not when the class is made: pydantic's own `use_attribute_docstrings` parses
the source of every class at import, which took a sixth of the time of `recipeline validate`.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise

from pydantic import BaseModel


@cache
def setting_docs(cls: type[BaseModel]) -> dict[str, str]:
    """Field name -> its documentation, inherited fields among them; fields without any are left out."""
    docs: dict[str, str] = {}
    for parent in reversed(cls.__mro__):
        if issubclass(parent, BaseModel) and parent is not BaseModel:
            docs |= _strings_beneath(parent)
    described = {name: field.description for name, field in cls.model_fields.items() if field.description}
    return {name: text for name, text in (docs | described).items() if name in cls.model_fields}


def _strings_beneath(cls: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):  # made without a file, as in a notebook or by create_model
        return {}
    definition = tree.body[0]
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    found = {}
    for field, below in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(below, ast.Expr)
            and isinstance(below.value, ast.Constant)
            and isinstance(below.value.value, str)
        ):
            found[field.target.id] = inspect.cleandoc(below.value.value)
    return found
