"""The three recurrent networks: what they refuse, and what they compute, against torch run row by row."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.gru import GRU
from recipeline_plugins.architecture.lstm import LSTM
from recipeline_plugins.architecture.rnn import RNN
from recipeline_plugins.architecture.transformer import Transformer

NONE = Block((), (0,))
TEXT = InputSpec({"tokens": Block(("t",), (9,), (50,)), "series": NONE, "lengths": Block(("lengths",), ())})
SERIES = InputSpec({"tokens": NONE, "series": Block(("s",), (9, 3)), "lengths": Block(("lengths",), ())})
LENGTHS = torch.tensor([9, 3, 1, 5])
CELLS = [RNN, LSTM, GRU]


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and series of unequal lengths, 0 beyond."""
    generator = torch.Generator().manual_seed(seed)
    there = torch.arange(9) < LENGTHS[:, None]
    tokens = torch.randint(1, 50, (4, 9), generator=generator) * there
    return tokens, torch.randn(4, 9, 3, generator=generator) * there[..., None]


@pytest.mark.parametrize("cls", CELLS)
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": 0}, "greater than 0"),
        ({"layers": 0}, "greater than 0"),
        ({"dropout": 1.0}, "less than 1"),
        ({"pooling": "first"}, "'last', 'mean' or 'max'"),
        ({"initialization": "zeros"}, "'uniform', 'xavier_uniform'"),
        ({"bidirectional": 1}, "valid boolean"),
        ({"embedding": 0}, "greater than 0"),
        ({"around_last": 1}, "valid boolean"),
    ],
)
def test_refuses(cls: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        cls.model_validate(settings)


@pytest.mark.parametrize("cls", CELLS)
def test_says_that_there_is_nothing_to_read_or_too_much(cls: Any) -> None:
    with pytest.raises(RecipeError, match="has no inputs: there is neither text nor a series"):
        cls().build(InputSpec({}), 2)
    both = InputSpec({"tokens": TEXT.blocks["tokens"], "series": SERIES.blocks["series"]})
    with pytest.raises(RecipeError, match="reads text or series, not both"):
        cls().build(both, 2)


@pytest.mark.parametrize("cls", CELLS)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layers": 2, "bidirectional": True},
        {"pooling": "mean", "bidirectional": True},
        {"pooling": "max"},
    ],
)
def test_each_row_gives_what_torch_gives_for_it_alone(cls: Any, settings: dict[str, Any]) -> None:
    torch.manual_seed(0)
    network = cls.model_validate({"hidden": 5, **settings}).build(SERIES, 2).double().eval()
    _, series = batch()
    series = series.double()
    got = network(torch.empty(4, 0), series, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        states, final = network.recurrent(series[row : row + 1, :length])
        if settings.get("pooling") == "mean":
            found = states.mean(dim=1)
        elif settings.get("pooling") == "max":
            found = states.amax(dim=1)
        else:
            last = final[0] if isinstance(final, tuple) else final
            found = torch.cat([last[-2], last[-1]], dim=1) if settings.get("bidirectional") else last[-1]
        assert torch.allclose(network.output(found)[0], got[row], atol=1e-12)


@pytest.mark.parametrize("cls", CELLS)
def test_more_padding_changes_nothing_and_an_empty_row_is_answered(cls: Any) -> None:
    torch.manual_seed(0)
    tokens, series = batch()
    nothing = torch.empty(4, 0)
    for pooling in ("last", "mean", "max"):
        reads = cls(pooling=pooling, bidirectional=True)
        text, signal = reads.build(TEXT, 2).eval(), reads.build(SERIES, 2).eval()
        longer = torch.cat([tokens, tokens.new_zeros(4, 5)], dim=1)
        assert torch.allclose(text(tokens, nothing, LENGTHS), text(longer, nothing, LENGTHS), atol=1e-6)
        # Not 0, so that a look at the padding shows.
        longer = torch.cat([series, torch.full((4, 5, 3), 7.0)], dim=1)
        assert torch.allclose(signal(nothing, series, LENGTHS), signal(nothing, longer, LENGTHS), atol=1e-6)
        empty = text(torch.empty(4, 0, dtype=torch.int64), nothing, torch.zeros(4, dtype=torch.int64))
        assert empty.isfinite().all()
        assert signal(nothing, torch.empty(4, 0, 3), torch.zeros(4, dtype=torch.int64)).isfinite().all()


@pytest.mark.parametrize("cls", CELLS)
def test_around_last_moves_the_answer_with_the_level(cls: Any) -> None:
    torch.manual_seed(0)
    network = cls(around_last=True).build(SERIES, 2).double().eval()
    series = batch()[1].double()
    shift = torch.tensor([10.0, -3.0, 2.0], dtype=torch.float64)
    moved = network(torch.empty(4, 0), series + shift, LENGTHS) - network(torch.empty(4, 0), series, LENGTHS)
    assert torch.allclose(moved, torch.full((4, 2), 10.0, dtype=torch.float64), atol=1e-9)


@pytest.mark.parametrize("cls", [*CELLS, Transformer])
def test_columns_beside_the_sequence_join_the_answer(cls: Any) -> None:
    torch.manual_seed(0)
    table = {"numeric": Block(("a", "b"), (2,)), "categorical": Block(("k",), (1,), (3,))}
    network = cls().build(InputSpec({**SERIES.blocks, **table}), 2).eval()
    series, numbers, codes = batch()[1], torch.randn(4, 2), torch.tensor([[0], [1], [2], [0]])
    answer = network(torch.empty(4, 0), series, LENGTHS, numbers, codes)
    for other in ((series * 2, numbers, codes), (series, numbers + 1, codes), (series, numbers, (codes + 1) % 3)):
        assert not torch.allclose(network(torch.empty(4, 0), other[0], LENGTHS, *other[1:]), answer, atol=1e-4)
    alone = [
        network(torch.empty(1, 0), series[i : i + 1], LENGTHS[i : i + 1], numbers[i : i + 1], codes[i : i + 1])
        for i in range(4)
    ]
    assert torch.allclose(torch.cat(alone), answer, atol=1e-5)


@pytest.mark.parametrize("cls", [*CELLS, Transformer])
def test_in_its_own_unit_the_answer_follows_any_level_and_size(cls: Any) -> None:
    torch.manual_seed(0)
    network = cls(around_last=True, own_unit=True).build(SERIES, 2).double().eval()
    series, nothing = batch()[1].double(), torch.empty(4, 0)
    answer = network(nothing, series, LENGTHS)
    # The first channel is the one forecast; each has a size of its own.
    other = network(nothing, series * torch.tensor([1e4, 0.1, 3.0]) + 7e5, LENGTHS)
    several = LENGTHS > 1  # one value has no size but its own level
    assert torch.allclose(other[several], (answer * 1e4 + 7e5)[several], rtol=1e-9)
    still = network(nothing, torch.full((4, 9, 3), 5.0, dtype=torch.float64), LENGTHS)
    assert still.isfinite().all()  # nothing changes: there is no unit but 1


@pytest.mark.parametrize("cls", [*CELLS, Transformer])
def test_a_unit_belongs_to_differences(cls: Any) -> None:
    with pytest.raises(ValidationError, match=r"own_unit is the unit of the differences .* set around_last: true"):
        cls(own_unit=True)


def test_recurrent_weights_start_orthogonal_and_the_forget_gate_open() -> None:
    torch.manual_seed(0)
    recurrent = LSTM(hidden=6).build(SERIES, 2).recurrent
    for gate in recurrent.weight_hh_l0.split(6):
        assert torch.allclose(gate @ gate.T, torch.eye(6), atol=1e-5)
    bias = recurrent.bias_ih_l0 + recurrent.bias_hh_l0
    assert bias.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12  # torch's order: input, forget, cell, output
    uniform = LSTM(hidden=6, initialization="uniform").build(SERIES, 2).recurrent
    assert uniform.weight_hh_l0.abs().max() <= 6**-0.5
    assert uniform.bias_hh_l0.abs().max() > 0


def test_dropout_acts_in_training_alone() -> None:
    torch.manual_seed(0)
    network = GRU(dropout=0.5).build(TEXT, 2)
    inputs = (batch()[0], torch.empty(4, 0), LENGTHS)
    assert not torch.equal(network(*inputs), network(*inputs))
    network.eval()
    assert torch.equal(network(*inputs), network(*inputs))
