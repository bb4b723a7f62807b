"""The built-in plugins of the family `loss`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "binary_cross_entropy": "BinaryCrossEntropy",
    "cross_entropy": "CrossEntropy",
    "huber": "Huber",
    "mae": "MeanAbsoluteError",
    "mse": "MeanSquaredError",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("loss", __name__, CLASSES)
