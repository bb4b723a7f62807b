"""The built-in plugins of the family `scheduler`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "cosine": "Cosine",
    "exponential": "Exponential",
    "fixed": "Fixed",
    "linear": "Linear",
    "plateau": "Plateau",
    "step": "Step",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("scheduler", __name__, CLASSES)
