"""How a broken promise is worded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from recipeline.families.plugin import Plugin


def _name(plugin: Plugin | type[Plugin]) -> str:
    cls = plugin if isinstance(plugin, type) else type(plugin)
    family, name = getattr(cls, "family", ""), getattr(cls, "plugin_name", "")
    return f"{family} '{name}'" if family and name else cls.__qualname__


def broken(plugin: Plugin | type[Plugin], promise: str, found: object = "") -> AssertionError:
    """The error for a broken promise: who, which, and what was found instead."""
    if isinstance(found, Exception):
        found = f"{type(found).__name__}: {found}"
    return AssertionError(f"{_name(plugin)} breaks a promise: it {promise}" + (f" (found {found})." if found else "."))


def holds(condition: bool, plugin: Plugin | type[Plugin], promise: str, found: str = "") -> None:
    """Raise unless the promise is kept."""
    if not condition:
        raise broken(plugin, promise, found)


@contextmanager
def promised(plugin: Plugin | type[Plugin], promise: str) -> Iterator[None]:
    """Turn an exception inside into the promise that it breaks."""
    try:
        yield
    except AssertionError:
        raise
    except Exception as error:
        raise broken(plugin, promise, error) from error
