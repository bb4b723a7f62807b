from typing import Any

import pytest
from pydantic import ValidationError
from torch import nn

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.ft_transformer import FTTransformer

INPUTS = InputSpec({"numeric": Block(("a", "b"), (2,)), "categorical": Block(("k",), (1,), (3,))})


def test_its_settings_shape_the_network() -> None:
    plugin = FTTransformer(width=12, blocks=2, heads=3, factor=1.5, hidden_dropout=0.3, residual_dropout=0.1)
    network = plugin.build(INPUTS, 3)
    linear = {name: (m.in_features, m.out_features) for name, m in network.named_modules() if isinstance(m, nn.Linear)}
    assert linear["blocks.0.attention.1.ask"] == (12, 36)
    assert linear["blocks.1.feed_forward.1"] == (12, 36)
    assert linear["blocks.1.feed_forward.4"] == (18, 12)
    assert linear["output"] == (12, 3)
    assert len(linear) == 9
    assert network.get_submodule("blocks.1.attention.1").dropout == 0.2
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.1, 0.3, 0.1] * 2


def test_needs_an_input() -> None:
    empty = InputSpec({"numeric": Block((), (0,)), "categorical": Block((), (0,))})
    with pytest.raises(RecipeError, match="architecture: the architecture 'ft_transformer' has no inputs"):
        FTTransformer().build(empty, 1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 10, "heads": 4}, "width has to be a multiple of heads, and 10 is none of 4"),
        ({"blocks": 0}, "greater than 0"),
        ({"factor": 0.0}, "greater than 0"),
        ({"residual_dropout": 1.0}, "less than 1"),
        ({"attention_dropout": 1.0}, "less than 1"),
        ({"hidden_dropout": -0.1}, "greater than or equal to 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        FTTransformer.model_validate(settings)
