"""The built-in plugins of the family `regularization`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "dropout": "Dropout",
    "early_stopping": "EarlyStopping",
    "elastic_net": "ElasticNet",
    "gradient_clip": "GradientClip",
    "l1": "L1",
    "l2": "L2",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("regularization", __name__, CLASSES)
