"""What `resnet` builds, how it starts, and what it refuses."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.resnet import ResNet
from recipeline_plugins.architecture.resnet_network import Pair


def inputs(shape: tuple[int, ...] | None, numeric: int = 0) -> InputSpec:
    image = Block(("i",), shape) if shape else Block((), (0,))
    return InputSpec({"image": image, "numeric": Block(tuple("ab"[:numeric]), (numeric,))})


def test_the_papers_resnet_20_has_its_number_of_weights() -> None:
    network = ResNet(widths=[16, 32, 64], depths=[3, 3, 3]).build(inputs((3, 32, 32)), 10)
    weighty = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    shortcuts = [m for m in network.modules() if isinstance(m, Pair) and not isinstance(m.shortcut, nn.Identity)]
    assert len(weighty) - len(shortcuts) == 20
    # 0.27 million in the paper, whose shortcuts have no weights.
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(0.27e6, rel=0.02)


def test_stages_halve_and_numbers_stand_beside() -> None:
    network = ResNet(widths=[4, 8], depths=[1, 2]).build(inputs((3, 10, 12), numeric=2), 3)
    assert network.stages(network.stem(torch.randn(2, 3, 10, 12))).shape == (2, 8, 5, 6)
    assert network.output.in_features == 10
    assert network(torch.randn(2, 3, 10, 12), torch.randn(2, 2)).shape == (2, 3)
    large = ResNet(widths=[4], depths=[1], stem="large").build(inputs((3, 64, 64)), 3)
    assert large.stem(torch.randn(1, 3, 64, 64)).shape == (1, 4, 16, 16)


def test_a_pair_first_lets_its_input_through() -> None:
    pair = Pair(4, 4, 1).eval()
    x = torch.rand(2, 4, 5, 5)
    assert torch.equal(pair(x), x)


def test_what_can_not_be_built_is_refused() -> None:
    with pytest.raises(RecipeError, match="no image to look at"):
        ResNet().build(inputs(None, 2), 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"widths": [4, 4]}, "one number a stage each: 2 and 3 were given"),
        ({"widths": [], "depths": []}, "at least 1 item"),
        ({"widths": [0], "depths": [1]}, "greater than 0"),
        ({"widths": [4], "depths": [0]}, "greater than 0"),
        ({"widths": [4] * 7, "depths": [1] * 7}, "at most 6 items"),
        ({"stem": "huge"}, "'small' or 'large'"),
        ({"dropout": 1.0}, "less than 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        ResNet.model_validate(settings)
