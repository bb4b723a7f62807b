"""The built-in plugins of the family `optimizer`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "sgd": "SGD",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("optimizer", __name__, CLASSES)
