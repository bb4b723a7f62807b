"""Greedy answers: the most probable token at each step, the same for a row alone, step by step or all over again."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from recipeline.decoding import before, counted, most_probable
from recipeline.families.architecture import StepByStep
from recipeline.families.spec import BEGIN, END, PADDING, UNKNOWN

A, B, C = 4, 5, 6
TOKENS = 7


class Table(nn.Module):
    """Says the next token by the last two: logits[row's own table, token before that, token before]."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.logits = nn.Parameter(torch.randn(2, TOKENS, TOKENS, TOKENS, generator=generator) * 2)

    def forward(self, which: torch.Tensor, heard: torch.Tensor) -> torch.Tensor:
        earlier = torch.cat([torch.zeros_like(heard[:, :1]), heard[:, :-1]], dim=1)
        return self.logits[which[:, None], earlier, heard]


class Stepping(Table):
    def begin(self, which: torch.Tensor) -> dict[str, Any]:
        return {"which": which, "earlier": torch.zeros_like(which)}

    def step(self, memory: dict[str, Any], heard: torch.Tensor) -> torch.Tensor:
        logits = self.logits[memory["which"], memory["earlier"], heard]
        memory["earlier"] = heard
        return logits


def by_hand(network: Table, which: int, longest: int) -> tuple[list[int], float]:
    said, chance = [BEGIN], 0.0
    allowed = [END, A, B, C]
    while True:
        logits = network.logits.detach()[which, said[-2] if len(said) > 1 else 0, said[-1]].double()
        shares = {code: float(logits[code] - torch.logsumexp(logits[allowed], 0)) for code in allowed}
        code = max(shares, key=lambda code: shares[code]) if len(said) <= longest else END
        chance += shares[code]
        if code == END:
            return said[1:], chance
        said.append(code)


def test_answers_are_the_most_probable_tokens_one_by_one() -> None:
    rows = torch.tensor([0, 1, 1, 0])
    for longest in (1, 2, 9):
        for network in (Table(), Stepping()):
            assert isinstance(network, StepByStep) == (type(network) is Stepping)
            codes, chance = most_probable(network, [rows], longest)
            assert codes.shape == (4, longest)
            assert chance.dtype == torch.float64
            for row, which in enumerate(rows.tolist()):
                expected, probability = by_hand(network, which, longest)
                assert codes[row].tolist() == expected + [PADDING] * (longest - len(expected))
                assert math.isclose(float(chance[row]), probability, abs_tol=1e-9)


def test_signs_are_never_said() -> None:
    network = Table()
    with torch.no_grad():
        network.logits[..., [PADDING, BEGIN, UNKNOWN]] += 100
    codes, chance = most_probable(network, [torch.tensor([0, 1])], 5)
    assert not torch.isin(codes, torch.tensor([BEGIN, UNKNOWN])).any()
    assert (chance > -50).all()  # their probability is dealt out to what may be said


def test_what_is_heard_before_each_step() -> None:
    target = torch.tensor([[A, B, END], [C, END, PADDING]])
    assert before(target).tolist() == [[BEGIN, A, B], [BEGIN, C, END]]


def test_padding_and_unknown_tokens_do_not_count() -> None:
    assert counted(torch.tensor([[A, UNKNOWN, END], [C, END, PADDING]])) == 4
