"""The built-in plugins of the family `regularization`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "augment_image": "AugmentImage",
    "batch_norm": "BatchNorm",
    "cutmix": "CutMix",
    "dropout": "Dropout",
    "early_stopping": "EarlyStopping",
    "elastic_net": "ElasticNet",
    "gradient_clip": "GradientClip",
    "gradient_noise": "GradientNoise",
    "group_lasso": "GroupLasso",
    "l1": "L1",
    "l2": "L2",
    "label_smoothing": "LabelSmoothing",
    "max_norm": "MaxNorm",
    "mixup": "Mixup",
    "noise": "Noise",
    "sharpness_aware": "SharpnessAware",
    "stochastic_depth": "StochasticDepth",
    "weight_averaging": "WeightAveraging",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("regularization", __name__, CLASSES)
