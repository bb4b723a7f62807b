"""The network of `rnn`, `lstm` and `gru`, in plain torch and plain arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from recipeline_plugins.architecture.sequence_parts import BesideTable, around_last, pooled, some_step
from recipeline_plugins.architecture.starts import STARTS

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentNetwork(nn.Module):
    """Reads token vectors or a series step by step, packed, so that no step of padding is computed or seen."""

    def __init__(
        self,
        *,
        cell: Literal["rnn", "lstm", "gru"],
        vocabulary: int,
        channels: int,
        outputs: int,
        hidden: int,
        layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        pooling: Literal["last", "mean", "max"] = "last",
        embedding: int = 64,
        initialization: str = "orthogonal",
        around_last: bool = False,
        own_unit: bool = False,
        numeric: int = 0,
        codes: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, embedding, padding_idx=0) if vocabulary else None
        self.recurrent = CELLS[cell](
            embedding if vocabulary else channels,
            hidden,
            layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.pooling = pooling
        self.around_last = around_last and not vocabulary
        self.own_unit = own_unit
        self.dropout = nn.Dropout(dropout)
        width = hidden * (2 if bidirectional else 1)
        self.beside = BesideTable(width, numeric, codes) if numeric or codes else None
        self.output = nn.Linear(width, outputs)
        if self.embed is not None:
            nn.init.normal_(self.embed.weight, std=0.1)  # so small that steps of 0.001 move it soon
        if initialization != "uniform":
            self._initialize(cell, hidden, initialization)

    def _initialize(self, cell: str, hidden: int, start: str) -> None:
        for name, parameter in self.recurrent.named_parameters():
            if name.startswith("weight_hh"):
                for block in parameter.data.view(-1, hidden, parameter.shape[1]):  # one a gate
                    STARTS[start](block)
            elif name.startswith("weight_ih"):
                for block in parameter.data.view(-1, hidden, parameter.shape[1]):
                    STARTS["xavier_uniform" if start == "orthogonal" else start](block)
            else:
                nn.init.zeros_(parameter)
                if cell == "lstm" and name.startswith("bias_ih"):
                    parameter.data[hidden : 2 * hidden] = 1.0  # the forget gate; torch's order is i, f, g, o
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor | None = None,
        categorical: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """To (batch, outputs).

        Args:
            tokens: int64 (batch, steps), or without steps where there is a series.
            series: (batch, steps, channels), or without steps where there are tokens.
            lengths: int64 (batch,), the steps that each row has.
            numeric: (batch, features), what stands beside; not looked at where the network was built without.
            categorical: int64 (batch, columns), codes that stand beside; the same.
        """
        x = some_step(series) if self.embed is None else self.dropout(self.embed(some_step(tokens)))
        back = None
        if self.around_last:
            x, *back = around_last(x, lengths, self.own_unit)
        counts = lengths.clamp(min=1).cpu()
        states, final = self.recurrent(pack_padded_sequence(x, counts, batch_first=True, enforce_sorted=False))
        found = self.dropout(self._pooled(states, final, lengths))
        if self.beside is not None:
            assert numeric is not None
            assert categorical is not None
            found = self.beside(found, numeric, categorical)
        answer: torch.Tensor = self.output(found)
        return answer if back is None else answer * back[0] + back[1]

    def _pooled(
        self, states: PackedSequence, final: torch.Tensor | tuple[torch.Tensor, torch.Tensor], lengths: torch.Tensor
    ) -> torch.Tensor:
        """What the steps have left: (batch, hidden), twice as wide in both directions."""
        if self.pooling != "last":
            steps, _ = pad_packed_sequence(states, batch_first=True)  # (batch, steps, hidden)
            return pooled(steps, lengths, self.pooling)
        last = final[0] if isinstance(final, tuple) else final  # (layers * directions, batch, hidden)
        return torch.cat([last[-2], last[-1]], dim=1) if self.recurrent.bidirectional else last[-1]
