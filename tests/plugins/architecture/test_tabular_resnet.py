from typing import Any

import pytest
from pydantic import ValidationError
from torch import nn

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.tabular_resnet import TabularResNet

INPUTS = InputSpec({"numeric": Block(("a", "b"), (2,)), "categorical": Block(("k",), (1,), (3,))})


def test_its_settings_shape_the_network() -> None:
    plugin = TabularResNet(width=6, blocks=2, factor=1.5, hidden_dropout=0.3, residual_dropout=0.1, embedding=4)
    network = plugin.build(INPUTS, 3)
    linear = {name: (m.in_features, m.out_features) for name, m in network.named_modules() if isinstance(m, nn.Linear)}
    assert linear == {
        "first": (6, 6),
        "blocks.0.branch.1": (6, 9), "blocks.0.branch.4": (9, 6),
        "blocks.1.branch.1": (6, 9), "blocks.1.branch.4": (9, 6),
        "output": (6, 3),
    }  # fmt: skip
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.3, 0.1, 0.3, 0.1]


def test_needs_an_input() -> None:
    empty = InputSpec({"numeric": Block((), (0,)), "categorical": Block((), (0,))})
    with pytest.raises(RecipeError, match="architecture: the architecture 'tabular_resnet' has no inputs"):
        TabularResNet().build(empty, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 0}, "greater than 0"),
        ({"blocks": 0}, "greater than 0"),
        ({"embedding": 0}, "greater than 0"),
        ({"embedding": "small"}, "'auto'"),
        ({"factor": 0.0}, "greater than 0"),
        ({"hidden_dropout": 1.0}, "less than 1"),
        ({"residual_dropout": -0.1}, "greater than or equal to 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        TabularResNet.model_validate(settings)
