"""What `cnn` and its network build from images, series and numbers, and what they refuse."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.cnn import CNN
from recipeline_plugins.architecture.cnn_network import Residual

ABSENT = Block((), (0,))


def inputs(image: tuple[int, ...] | None = None, series: tuple[int, ...] | None = None, numeric: int = 0) -> InputSpec:
    return InputSpec(
        {
            "image": Block(("i",), image) if image else ABSENT,
            "series": Block(("s",), series) if series else ABSENT,
            "numeric": Block(tuple("abc"[:numeric]), (numeric,)),
        }
    )


def batch(spec: InputSpec, rows: int = 3) -> list[torch.Tensor]:
    return [torch.randn(rows, *spec.blocks[kind].shape) for kind in CNN.accepts]


@pytest.mark.parametrize(
    ("spec", "width"),
    [
        (inputs(image=(3, 9, 8)), 8 * 2 * 2),
        (inputs(series=(13, 2)), 8 * 3),
        (inputs(image=(1, 8, 8), series=(13, 2), numeric=2), 8 * 2 * 2 + 8 * 3 + 2),
    ],
)
def test_the_output_sees_every_place_of_all_that_is_there(spec: InputSpec, width: int) -> None:
    network = CNN(blocks=[4, 8]).build(spec, 5)
    assert network.output.in_features == width
    assert network(*batch(spec)).shape == (3, 5)
    averaged = CNN(blocks=[4, 8], head="average", hidden=[7]).build(spec, 5)
    assert averaged.output.in_features == 7
    assert averaged(*batch(spec)).shape == (3, 5)


def test_settings_make_layers() -> None:
    spec = inputs(image=(1, 8, 8))
    plain = CNN(blocks=[4], convolutions=3, normalization="none", pooling="none").build(spec, 2)
    kinds = [type(module) for module in plain.modules()]
    assert kinds.count(nn.Conv2d) == 3
    assert nn.BatchNorm2d not in kinds
    assert nn.MaxPool2d not in kinds
    full = CNN(blocks=[4, 4], residual=True, dropout=0.5, pooling="average", activation="gelu").build(spec, 2)
    kinds = [type(module) for module in full.modules()]
    assert kinds.count(Residual) == kinds.count(nn.AvgPool2d) == kinds.count(nn.Dropout2d) == 2
    assert nn.GELU in kinds
    assert all(
        getattr(block, name) is not None
        for block in full.modules()
        if isinstance(block, Residual)
        for name in Residual.residual_branches
    )


def test_a_residual_block_adds_its_input() -> None:
    block = Residual(nn.Identity(), nn.Identity())
    assert torch.equal(block(torch.ones(2, 3)), torch.full((2, 3), 2.0))


def test_what_can_not_be_built_is_refused() -> None:
    with pytest.raises(RecipeError, match="no image and no series to look at"):
        CNN().build(inputs(numeric=2), 2)
    with pytest.raises(RecipeError, match=r"4 blocks that halve leave nothing of 8 places.*Take 3 at most"):
        CNN(blocks=[4, 4, 4, 4]).build(inputs(image=(1, 8, 8)), 2)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kernel": 4}, "kernel is odd"),
        ({"kernel": 17}, "less than or equal to 15"),
        ({"blocks": []}, "at least 1 item"),
        ({"blocks": [0]}, "greater than 0"),
        ({"convolutions": 0}, "greater than or equal to 1"),
        ({"convolutions": 9}, "less than or equal to 8"),
        ({"pooling": "sum"}, "'max', 'average' or 'none'"),
        ({"normalization": "layer"}, "'batch' or 'none'"),
        ({"activation": "rleu"}, "'relu', 'leaky_relu'"),
        ({"dropout": 1.0}, "less than 1"),
        ({"residual": 1}, "valid boolean"),
        ({"head": "max"}, "'flatten' or 'average'"),
        ({"hidden": [0]}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CNN.model_validate(settings)
