"""The built-in plugins of the family `optimizer`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "adadelta": "Adadelta",
    "adafactor": "Adafactor",
    "adagrad": "AdaGrad",
    "adam": "Adam",
    "adamax": "Adamax",
    "adamw": "AdamW",
    "gradient_descent": "GradientDescent",
    "lbfgs": "LBFGS",
    "lion": "Lion",
    "momentum": "Momentum",
    "muon": "Muon",
    "nadam": "NAdam",
    "nesterov": "Nesterov",
    "newton": "Newton",
    "newton_cg": "NewtonCG",
    "proximal_gradient": "ProximalGradient",
    "pytorch_optimizer": "PytorchOptimizer",
    "radam": "RAdam",
    "rmsprop": "RMSprop",
    "sgd": "SGD",
    "subgradient": "Subgradient",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("optimizer", __name__, CLASSES)
