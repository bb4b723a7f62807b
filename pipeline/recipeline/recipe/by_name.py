"""The annotation that turns a plugin's name in a recipe into the plugin's class, and the rest into its settings.

`optimizer: Annotated[Optimizer, ByName()]` accepts `adam` and `{type: adam, lr: 0.01}`. The class is looked up in
the catalog of the validation context; its own validation names the exact place of an error inside the settings.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import PydanticCustomError, core_schema

from recipeline import catalog as plugins
from recipeline.errors import RecipeError
from recipeline.families.plugin import Plugin

FAMILY_KEY = "x-recipeline-family"
"""Stands in a JSON schema where a plugin of this family goes; `json_schema` puts the installed ones there."""


class ByName:
    """Look a plugin up by its name and validate its settings into it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Validation through the catalog, serialization back to the recipe's form."""
        family: type[Plugin] = source

        def validate(value: Any, info: core_schema.ValidationInfo) -> Plugin:
            return _validate(family, value, info.context)

        return core_schema.with_info_plain_validator_function(
            validate,
            metadata={"recipeline_family": family.family},
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda plugin: plugin.as_recipe(), return_schema=core_schema.dict_schema()
            ),
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The family, for whoever knows the catalog to fill in."""
        return {FAMILY_KEY: schema["metadata"]["recipeline_family"]}


def _validate(family: type[Plugin], value: Any, context: Any) -> Plugin:
    if isinstance(value, family):
        return value
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, dict):
        raise PydanticCustomError("plugin_form", "expected a plugin", {"family": family.family})
    if not isinstance(value.get("type"), str):
        raise PydanticCustomError("plugin_type", "the mapping needs a `type`", {"family": family.family})
    catalog = (context or {}).get("catalog") or plugins.installed()
    try:
        cls = catalog.find(family, value["type"])
    except RecipeError as error:
        problem = error.problems[0]
        raise PydanticCustomError(
            "plugin_name", "{message}", {"message": problem.message, "suggestion": problem.suggestion or ""}
        ) from None
    settings = {key: setting for key, setting in value.items() if key != "type"}
    try:
        return cls.model_validate(settings, context=context)
    except ValidationError:
        raise
    except Exception as error:
        # A validator or an annotation of the plugin is at fault, not the recipe; the other errors still show.
        raise PydanticCustomError(
            "plugin_fault",
            "{message}",
            {
                "message": f"the {family.family} '{cls.plugin_name}' can't take its settings: "
                f"{type(error).__name__}: {error}",
                "suggestion": f"This is a fault of {cls.__module__}, not of the recipe.",
            },
        ) from None
