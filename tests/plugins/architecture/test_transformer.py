"""The Transformer: what it refuses, that it sees no padding, and its attention against the formula."""

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.transformer import Transformer
from recipeline_plugins.architecture.transformer_network import SelfAttention, SinusoidalPositions

NONE = Block((), (0,))
TEXT = InputSpec({"tokens": Block(("t",), (9,), (50,)), "series": NONE, "lengths": Block(("lengths",), ())})
SERIES = InputSpec({"tokens": NONE, "series": Block(("s",), (9, 3)), "lengths": Block(("lengths",), ())})
LENGTHS = torch.tensor([9, 3, 1, 5])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"width": 30, "heads": 4}, r"width must be a multiple of heads.* width 32"),
        ({"layers": 0}, "greater than 0"),
        ({"pooling": "first"}, "'mean', 'max' or 'last'"),
        ({"around_last": 1}, "valid boolean"),
        ({"dropout": 1.0}, "less than 1"),
        ({"positions": "rotary"}, "'sinusoidal' or 'learned'"),
        ({"feedforward": "wide"}, "'auto'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Transformer.model_validate(settings)


def test_says_that_there_is_nothing_to_read() -> None:
    with pytest.raises(RecipeError, match="'transformer' has no inputs: there is neither text nor a series"):
        Transformer().build(InputSpec({}), 2)


def test_attention_is_its_formula() -> None:
    torch.manual_seed(0)
    attention = SelfAttention(6, 2).double()
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    mask = torch.arange(5) < torch.tensor([5, 2, 4])[:, None]
    q, k, v = attention.project_in(x).split(6, dim=2)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        scores = q[..., head] @ k[..., head].transpose(1, 2) / math.sqrt(3)
        scores = scores.masked_fill(~mask[:, None, :], -math.inf)
        heads.append(scores.softmax(dim=2) @ v[..., head])
    assert torch.allclose(attention(x, mask), attention.project_out(torch.cat(heads, dim=2)), atol=1e-12)


@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
@pytest.mark.parametrize("pooling", ["mean", "max", "last"])
def test_more_padding_changes_nothing(positions: str, pooling: str) -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(1)
    reads = Transformer.model_validate({"positions": positions, "pooling": pooling, "width": 16})
    nothing = torch.empty(4, 0)
    text, signal = reads.build(TEXT, 2).eval(), reads.build(SERIES, 2).eval()
    tokens = torch.randint(1, 50, (4, 9), generator=generator) * (torch.arange(9) < LENGTHS[:, None])
    longer = torch.cat([tokens, torch.full((4, 7), 3)], dim=1)
    assert torch.allclose(text(tokens, nothing, LENGTHS), text(longer, nothing, LENGTHS), atol=1e-5)
    series = torch.randn(4, 9, 3, generator=generator)
    longer = torch.cat([series, torch.full((4, 7, 3), 9.0)], dim=1)
    assert torch.allclose(signal(nothing, series, LENGTHS), signal(nothing, longer, LENGTHS), atol=1e-5)
    alone = [text(tokens[i : i + 1, :n], nothing[:1], LENGTHS[i : i + 1]) for i, n in enumerate(LENGTHS.tolist())]
    assert torch.allclose(torch.cat(alone), text(tokens, nothing, LENGTHS), atol=1e-5)
    assert text(tokens[:, :0], nothing, torch.zeros(4, dtype=torch.int64)).isfinite().all()


def test_the_order_of_the_steps_counts() -> None:
    torch.manual_seed(0)
    network = Transformer(width=16).build(TEXT, 2).eval()
    tokens = torch.tensor([[1, 2, 3]])
    one, other = (network(t, torch.empty(1, 0), torch.tensor([3])) for t in (tokens, tokens.flip(1)))
    assert not torch.allclose(one, other, atol=1e-4)


def test_positions_are_those_of_the_paper() -> None:
    found = SinusoidalPositions()(torch.empty(1, 4, 6, dtype=torch.float64)) / 0.1
    for place in range(4):
        for i in range(3):
            angle = place / 10000 ** (2 * i / 6)
            assert found[place, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert found[place, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_around_last_moves_the_answer_with_the_level() -> None:
    torch.manual_seed(0)
    network = Transformer(width=16, around_last=True, pooling="last").build(SERIES, 2).double().eval()
    series = torch.randn(4, 9, 3, dtype=torch.float64)
    moved = network(torch.empty(4, 0), series + 5, LENGTHS) - network(torch.empty(4, 0), series, LENGTHS)
    assert torch.allclose(moved, torch.full((4, 2), 5.0, dtype=torch.float64), atol=1e-9)
