"""A plugin is a final class that *is* its settings, and builds its part of the training.

    class HuberLoss(Loss, name="huber"):
        delta: PositiveFloat = 1.0
        def build(self, target): ...

The family gives the promise (`Loss`), the name is the recipe's word (`huber`), the fields are the settings.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from recipeline.families.spec import Task


class Plugin(BaseModel):
    """The root of all families: named, frozen, checked settings that refuse what they don't know.

    Settings are validated strictly: a quoted number is not a number, and true is not 1. For a sequence use
    `list[...]`, for a file `str`.
    """

    # Built when first validated: a recipe pays for the plugins that it names, not for the families above them.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    family: ClassVar[str] = ""
    """The recipe's key, in the singular: `loss`, `optimizer`, ..."""
    plugin_name: ClassVar[str] = ""
    """The recipe's word for this plugin; empty for the families themselves."""
    requires: ClassVar[frozenset[str]] = frozenset()
    """What must be in the recipe as well: `family.name`, `validation` for a validation part, or a setting of the
    training, as `training.batch_size=full`."""
    conflicts: ClassVar[frozenset[str]] = frozenset()
    """What this can't live with, as `family.name`; as `family.name.setting` only where that setting is not as by
    default; or a setting of the training, as `training.batch_size=1`."""
    reasons: ClassVar[Mapping[str, str]] = {}
    """Why, by what is required or in conflict: half a sentence, shown with the error."""
    packages: ClassVar[frozenset[str]] = frozenset()
    """What must be installed where the model serves, beyond the plugin's own distribution and recipeline's needs, as
    pip names it: `tokenizers`. Each is written into the model's requirements with its version."""
    goes_badly_with: ClassVar[Mapping[str, str]] = {}
    """What it may stand beside and gains nothing from, with the reason in half a sentence: named as in `conflicts`, or
    as a setting of the training, `training.batch_size`. For its page; nothing is refused."""
    example: ClassVar[str] = ""
    """A few lines of a recipe that show it at work, from the recipe's top level. With a name, data and an architecture
    where they leave these out, they have to be a valid recipe: for its page, and checked by `recipeline.testing`."""

    def __init_subclass__(cls, *, family: str | None = None, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in cls.__mro__[1:]:
            if base.__dict__.get("plugin_name"):
                raise TypeError(
                    f"{cls.__name__} inherits from the plugin {base.__name__}. Plugins are final: wrap it, or "
                    f"inherit from its family."
                )
        if family is not None:
            cls.family = family
        if name is not None:
            if not cls.family:
                raise TypeError(f"{cls.__name__} has a name but no family: inherit from Loss, Optimizer, ...")
            cls.plugin_name = name

    @classmethod
    def __pydantic_init_subclass__(cls, *, family: str | None = None, name: str | None = None, **kwargs: Any) -> None:
        """Take the class keywords that `__init_subclass__` has dealt with, so that pydantic passes them on."""
        super().__pydantic_init_subclass__(**kwargs)

    def as_recipe(self) -> dict[str, Any]:
        """This plugin as it would stand in a recipe: `type` and every setting, defaults written out."""
        return {"type": self.plugin_name, **self.model_dump(mode="json")}

    def inner_plugins(self) -> list[tuple[str, Plugin]]:
        """The plugins among its settings, such as the loss that another one is made around, by the setting's name.

        Declared as `of: Annotated[Loss, ByName()]`; one of a list is named by its place, `schedules.0`.
        """
        found: list[tuple[str, Plugin]] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Plugin):
                found.append((name, value))
            elif isinstance(value, list | tuple):
                found += [(f"{name}.{i}", item) for i, item in enumerate(value) if isinstance(item, Plugin)]
        return found

    def needed_packages(self) -> frozenset[str]:
        """Those of `packages` that it needs with these settings; by default all."""
        return self.packages

    def refuses(self, task: Task) -> str | None:
        """Why these settings don't go with a task that the plugin is made for, as half a sentence; None if they do."""
        return None

    @classmethod
    def setting_docs(cls) -> dict[str, str]:
        """What the string beneath each setting says, by the setting's name."""
        from recipeline.families.documentation import setting_docs

        return dict(setting_docs(cls))

    @classmethod
    def summary(cls) -> str:
        """The first line of the documentation."""
        text = inspect.getdoc(cls) or ""
        return text.partition("\n")[0]


def means(declared: str, plugin: Plugin) -> bool:
    """Whether `family.name`, or `family.name.setting` for a setting other than by default, is said of this plugin."""
    family, name, *setting = declared.split(".")
    if (plugin.family, plugin.plugin_name) != (family, name):
        return False
    fields = type(plugin).model_fields
    return not setting or (
        setting[0] in fields
        and bool(getattr(plugin, setting[0]) != fields[setting[0]].get_default(call_default_factory=True))
    )


def with_nested(plugin: Plugin) -> list[Plugin]:
    """A plugin and all that stand among its settings, those of theirs included."""
    return [plugin, *(below for _, inner in plugin.inner_plugins() for below in with_nested(inner))]


@dataclass(frozen=True, slots=True)
class PluginReference:
    """A plugin that is imported only when a recipe names it."""

    family: str
    name: str
    target: str
    """`package.module:Class`."""


def references(family: str, package: str, classes: dict[str, str]) -> list[PluginReference]:
    """References to plugins that live one a file: name -> class, in the module `package.name`."""
    return [PluginReference(family, name, f"{package}.{name}:{cls}") for name, cls in classes.items()]
