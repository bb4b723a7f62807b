"""The built-in plugins of the family `report`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "calibration": "Calibration",
    "confusion_matrix": "ConfusionMatrix",
    "curves": "Curves",
    "examples": "Examples",
    "learning_rate": "LearningRate",
    "predicted_vs_true": "PredictedVsTrue",
    "residuals": "Residuals",
    "roc": "Roc",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("report", __name__, CLASSES)
