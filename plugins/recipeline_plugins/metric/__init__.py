"""The built-in plugins of the family `metric`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "accuracy": "Accuracy",
    "average_precision": "AveragePrecision",
    "balanced_accuracy": "BalancedAccuracy",
    "brier": "Brier",
    "error_rate": "TokenErrorRate",
    "exact_match": "ExactMatch",
    "f1": "F1",
    "log_loss": "LogLoss",
    "mae": "MeanAbsoluteError",
    "mase": "MeanAbsoluteScaledError",
    "matthews": "Matthews",
    "mse": "MeanSquaredError",
    "pinball": "Pinball",
    "poisson_deviance": "PoissonDeviance",
    "precision": "Precision",
    "r2": "R2",
    "recall": "Recall",
    "rmse": "RootMeanSquaredError",
    "roc_auc": "RocAuc",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("metric", __name__, CLASSES)
