"""The built-in plugins of the family `loss`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "binary_cross_entropy": "BinaryCrossEntropy",
    "cross_entropy": "CrossEntropy",
    "dice": "Dice",
    "focal": "Focal",
    "gaussian_nll": "GaussianNLL",
    "hinge": "Hinge",
    "huber": "Huber",
    "kl_divergence": "KLDivergence",
    "log_cosh": "LogCosh",
    "log_loss": "LogLoss",
    "mae": "MeanAbsoluteError",
    "momentum": "Momentum",
    "mse": "MeanSquaredError",
    "multi_margin": "MultiMargin",
    "one_hot_cross_entropy": "OneHotCrossEntropy",
    "poisson": "Poisson",
    "quantile": "Quantile",
    "rmse": "RootMeanSquaredError",
    "weighted_sum": "WeightedSum",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("loss", __name__, CLASSES)
