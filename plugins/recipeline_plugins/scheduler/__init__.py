"""The built-in plugins of the family `scheduler`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "chain": "Chain",
    "cosine": "Cosine",
    "cosine_restarts": "CosineRestarts",
    "cyclic": "Cyclic",
    "exponential": "Exponential",
    "fixed": "Fixed",
    "inverse_sqrt": "InverseSqrt",
    "linear": "Linear",
    "multi_step": "MultiStep",
    "one_cycle": "OneCycle",
    "plateau": "Plateau",
    "polynomial": "Polynomial",
    "step": "Step",
    "warmup": "Warmup",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("scheduler", __name__, CLASSES)
