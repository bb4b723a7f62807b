"""The built-in plugins of the family `architecture`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "cnn": "CNN",
    "gru": "GRU",
    "ft_transformer": "FTTransformer",
    "linear": "Linear",
    "lstm": "LSTM",
    "mlp": "MLP",
    "pretrained": "Pretrained",
    "tabular_resnet": "TabularResNet",
    "resnet": "ResNet",
    "rnn": "RNN",
    "transformer": "Transformer",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("architecture", __name__, CLASSES)
