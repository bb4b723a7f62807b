"""The annotation that turns a plugin's name in a recipe into the plugin's class, and the rest into its settings.

`optimizer: Annotated[Optimizer, ByName()]` accepts `adam` and `{type: adam, lr: 0.01}`. The class is looked up in
the catalog of the validation context; its own validation names the exact place of an error inside the settings.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

from recipeline import catalog as plugins
from recipeline.errors import RecipeError
from recipeline.families.plugin import Plugin


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


def _validate(family: type[Plugin], value: Any, context: Any) -> Plugin:
    if isinstance(value, family):
        return value
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, dict):
        raise PydanticCustomError(
            "plugin_form",
            "expected the name of a {family}, or a mapping with its `type`",
            {"family": family.family},
        )
    if not isinstance(value.get("type"), str):
        raise PydanticCustomError(
            "plugin_type", "the mapping needs a `type`: the name of a {family}", {"family": family.family}
        )
    catalog = (context or {}).get("catalog") or plugins.installed()
    try:
        cls = catalog.find(family, value["type"])
    except RecipeError as error:
        problem = error.problems[0]
        raise PydanticCustomError(
            "plugin_name",
            "{message}",
            {"message": problem.message, "suggestion": problem.suggestion or "", "family": family.family},
        ) from None
    settings = {key: setting for key, setting in value.items() if key != "type"}
    return cls.model_validate(settings, context=context)
