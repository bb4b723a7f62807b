"""Settings of which some came from the environment: used by whoever asked for them, and shown to nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, SerializerFunctionWrapHandler, model_serializer


class FromEnvironment(BaseModel):
    """A mapping of a recipe that may hold `${env:NAME}`.

    Its fields have the values. What is dumped or printed has `${env:NAME}`, as the recipe does: a value may be a
    password, and dumps go into params, artifacts and logs.
    """

    model_config = ConfigDict(defer_build=True)

    _written: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    def remember_environment(self, written: Mapping[tuple[str | int, ...], str]) -> None:
        """Note how values are written in the recipe, by their path in these settings."""
        self._written = dict(written)

    def secrets(self) -> dict[str, str]:
        """Value -> how the recipe writes it, for taking values out of a text."""
        found = {}
        for path, text in self._written.items():
            value: Any = getattr(self, str(path[0]), None)
            for key in path[1:]:
                value = getattr(value, str(key)) if isinstance(value, BaseModel) else value[key]
            value = value.get_secret_value() if isinstance(value, SecretStr) else value
            if isinstance(value, str) and value:
                found[value] = text
        return found

    @model_serializer(mode="wrap")
    def _hide(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        dumped: dict[str, Any] = handler(self)
        for path, text in self._written.items():
            _put(dumped, path, text)
        return dumped

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        hidden = {path[0] for path in self._written}
        dumped = self.model_dump() if hidden else {}
        for name, value in super().__repr_args__():
            yield name, dumped.get(str(name)) if name in hidden else value


def _put(dumped: Any, path: tuple[str | int, ...], text: str) -> None:
    """Set the value at a path, if the dump has it."""
    for key in path[:-1]:
        if not (key in dumped if isinstance(dumped, dict) else isinstance(key, int) and key < len(dumped)):
            return
        dumped = dumped[key]
    if not isinstance(dumped, dict) or path[-1] in dumped:
        dumped[path[-1]] = text
