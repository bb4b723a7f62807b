"""The Transformer's decoders: no step sees a later one, padding changes nothing, steps one by one are all at once."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import BEGIN, PADDING, SIGNS, Block, InputSpec, StepByStep, TargetSpec
from recipeline_plugins.architecture.transformer import Transformer
from recipeline_plugins.architecture.transformer_sequences import CausalAttention
from recipeline_plugins.regularization.stochastic_depth import StochasticDepth

NONE = Block((), (0,))
LENGTHS = torch.tensor([9, 3, 1, 5])
TEXT = InputSpec({"tokens": Block(("t",), (9,), (50,)), "series": NONE, "lengths": Block(("lengths",), ())})
TARGET = TargetSpec("sequence", ("y",), (*SIGNS, *"abcdef"), longest=5)
FORMS: list[dict[str, Any]] = [
    {"form": "encoder_decoder"},
    {"form": "decoder"},
    {"form": "decoder", "positions": "learned", "tied": False},
]


def network(settings: dict[str, Any]) -> torch.nn.Module:
    torch.manual_seed(0)
    plugin = Transformer.model_validate({"width": 16, "heads": 2, "dropout": 0.0, **settings})
    return plugin.build_sequence(TEXT, TARGET).double().eval()


def blocks(tokens: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, ...]:
    rows = len(lengths)
    empty = torch.empty(rows, 0, dtype=torch.float64)
    return tokens, empty, lengths, empty, torch.empty(rows, 0, dtype=torch.int64)


@pytest.fixture
def source() -> torch.Tensor:
    tokens = torch.randint(1, 50, (4, 9), generator=torch.Generator().manual_seed(1))
    return tokens * (torch.arange(9) < LENGTHS[:, None])


@pytest.fixture
def heard() -> torch.Tensor:
    said = torch.randint(4, 10, (4, 5), generator=torch.Generator().manual_seed(2))
    return torch.cat([torch.full((4, 1), BEGIN), said], dim=1)


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_a_later_token_has_no_influence_on_an_earlier_step(settings, source, heard) -> None:
    model = network(settings)
    out = model(*blocks(source, LENGTHS), heard)
    assert out.shape == (4, 6, 10)
    for step in range(1, 6):
        changed = heard.clone()
        changed[:, step:] = 4 + (changed[:, step:] - 3) % 6
        other = model(*blocks(source, LENGTHS), changed)
        assert torch.allclose(other[:, :step], out[:, :step], atol=1e-12)
        assert not torch.allclose(other[:, step], out[:, step], atol=1e-6)


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_padding_and_other_rows_change_nothing(settings, source, heard) -> None:
    model = network(settings)
    out = model(*blocks(source, LENGTHS), heard)
    longer = torch.cat([source, torch.full((4, 7), 3)], dim=1)  # whatever stands in the padding
    further = torch.nn.functional.pad(heard, (0, 3), value=PADDING)
    assert torch.allclose(model(*blocks(longer, LENGTHS), further)[:, :6], out, atol=1e-12)
    alone = [
        model(*blocks(source[i : i + 1, :n], LENGTHS[i : i + 1]), heard[i : i + 1])
        for i, n in enumerate(LENGTHS.tolist())
    ]
    assert torch.allclose(torch.cat(alone), out, atol=1e-12)


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_every_token_of_the_source_is_heard(settings, source, heard) -> None:
    model = network(settings)
    out = model(*blocks(source, LENGTHS), heard)
    for place in range(9):
        changed = source.clone()
        changed[0, place] = changed[0, place] % 49 + 1
        other = model(*blocks(changed, LENGTHS), heard)
        assert not torch.allclose(other[0, 0], out[0, 0], atol=1e-9)
        assert torch.allclose(other[1:], out[1:], atol=1e-12)


@pytest.mark.parametrize("settings", FORMS, ids=str)
def test_step_by_step_is_all_at_once(settings, source, heard) -> None:
    model = network(settings)
    assert isinstance(model, StepByStep)
    memory = model.begin(*blocks(source, LENGTHS))
    steps = [model.step(memory, heard[:, place]) for place in range(6)]
    assert torch.allclose(torch.stack(steps, dim=1), model(*blocks(source, LENGTHS), heard), atol=1e-12)


def test_causal_attention_is_its_formula() -> None:
    torch.manual_seed(0)
    attention = CausalAttention(6, 2).double()
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    q, k, v = attention.project_in(attention.norm(x)).split(6, dim=2)
    later = torch.ones(5, 5, dtype=torch.bool).triu(1)
    heads = []
    for head in (slice(0, 3), slice(3, 6)):
        scores = (q[..., head] @ k[..., head].transpose(1, 2) / 3**0.5).masked_fill(later, -torch.inf)
        heads.append(scores.softmax(dim=2) @ v[..., head])
    assert torch.allclose(attention(x), attention.project_out(torch.cat(heads, dim=2)), atol=1e-12)


def test_tied_weights_are_the_token_vectors() -> None:
    tied, apart = network({}), network({"tied": False})
    names = {name for name, _ in tied.named_parameters()}
    assert "speaker.output.weight" not in names
    assert {name for name, _ in apart.named_parameters()} - names == {"speaker.output.weight", "speaker.output.bias"}
    with torch.no_grad():
        tied.speaker.embed.weight[7] = 0.0  # its logit is then the bias alone
    x = torch.randn(2, 3, 16, dtype=torch.float64)
    assert torch.equal(tied.speaker.say(x)[..., 7], torch.zeros(2, 3, dtype=torch.float64))


@pytest.mark.parametrize("settings", FORMS[:2], ids=str)
def test_branches_can_be_left_out_at_random(settings, source, heard) -> None:
    model = StochasticDepth(p=0.5).rewrite(network(settings)).train()
    model(*blocks(source, LENGTHS), heard).sum().backward()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"form": "both"}, "'auto', 'encoder', 'encoder_decoder' or 'decoder'"),
        ({"form": "decoder", "pooling": "max"}, "pooling is an encoder's, which has one answer: a decoder doesn't"),
        ({"form": "encoder_decoder", "around_last": True}, "around_last is an encoder's"),
        ({"form": "encoder", "tied": False}, "tied is a decoder's"),
    ],
)
def test_refuses(settings, words) -> None:
    with pytest.raises(ValidationError, match=words):
        Transformer.model_validate(settings)
