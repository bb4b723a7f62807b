"""The networks of `transformer` that answer with a sequence: a decoder behind an encoder, and a decoder alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from recipeline_plugins.architecture._sequences import inside
from recipeline_plugins.architecture.sequence_parts import some_step
from recipeline_plugins.architecture.table_inputs import TableInputs
from recipeline_plugins.architecture.transformer_network import (
    Positions,
    Reader,
    by_head,
    dense,
    positions_of,
    start,
    together,
)


@dataclass(slots=True)
class Seen:
    """The keys and values of the steps that may be looked at, each (batch, heads, steps, width / heads)."""

    keys: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor
    """Which of them are steps and not padding, bool (batch, steps)."""

    def add(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Further steps, none of them padding."""
        self.keys = torch.cat([self.keys, keys], dim=2)
        self.values = torch.cat([self.values, values], dim=2)
        self.mask = functional.pad(self.mask, (0, keys.shape[2]), value=True)

    def first(self, steps: int) -> Seen:
        """The first few of them."""
        return Seen(self.keys[:, :, :steps], self.values[:, :, :steps], self.mask[:, :steps])

    def asked(self, q: torch.Tensor) -> torch.Tensor:
        """What queries (batch, heads, steps, width / heads) get to see, in their shape."""
        mask = self.mask[:, None, None, :]
        return functional.scaled_dot_product_attention(q, self.keys, self.values, attn_mask=mask)


class CausalAttention(nn.Module):
    """Every step asks itself and the steps before it, through torch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, seen: Seen | None = None) -> torch.Tensor:
        """(batch, steps, width) to the same shape; with `seen` the next single step, which is added to it."""
        q, k, v = self.parts(x)
        if seen is None:
            # No step looks beyond itself, and so none at the padding behind its row's own steps either.
            found = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            seen.add(k, v)
            found = seen.asked(q)
        out: torch.Tensor = self.project_out(together(found))
        return out

    def parts(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Queries, keys and values, each (batch, heads, steps, width / heads)."""
        return [by_head(part, self.heads) for part in self.project_in(self.norm(x)).chunk(3, dim=2)]


class CrossAttention(nn.Module):
    """Every step asks all steps of the source, through torch's fused kernel."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.ask = nn.Linear(width, width)
        self.look = nn.Linear(width, 2 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, source: Seen) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        found = source.asked(by_head(self.ask(self.norm(x)), self.heads))
        out: torch.Tensor = self.project_out(together(found))
        return out

    def source(self, states: torch.Tensor, mask: torch.Tensor) -> Seen:
        """The source's keys and values, the same for all steps: of states (batch, steps, width)."""
        keys, values = (by_head(part, self.heads) for part in self.look(states).chunk(2, dim=2))
        return Seen(keys, values, mask)


class CausalLayer(nn.Module):
    """Attention to what came before and two dense layers, each normalized before and added to its input."""

    residual_branches: tuple[str, ...] = ("after_attention", "dense")

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = CausalAttention(width, heads)
        self.after_attention = nn.Dropout(dropout)
        self.dense = dense(width, feedforward, dropout)

    def forward(self, x: torch.Tensor, seen: Seen | None = None) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        x = x + self.after_attention(self.attention(x, seen))
        out: torch.Tensor = x + self.dense(x)
        return out


class DecoderLayer(nn.Module):
    """The same with attention to the source in between."""

    residual_branches = ("after_attention", "after_crossing", "dense")

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = CausalAttention(width, heads)
        self.after_attention = nn.Dropout(dropout)
        self.crossing = CrossAttention(width, heads)
        self.after_crossing = nn.Dropout(dropout)
        self.dense = dense(width, feedforward, dropout)

    def forward(self, x: torch.Tensor, source: Seen, seen: Seen | None = None) -> torch.Tensor:
        """(batch, steps, width) to the same shape."""
        x = x + self.after_attention(self.attention(x, seen))
        x = x + self.after_crossing(self.crossing(x, source))
        out: torch.Tensor = x + self.dense(x)
        return out


class Speaker(nn.Module):
    """From tokens that were said to vectors with their places, and from vectors to the next token's logits."""

    def __init__(self, tokens: int, longest: int, width: int, dropout: float, positions: Positions, tied: bool) -> None:
        super().__init__()
        self.embed = nn.Embedding(tokens, width, padding_idx=0)
        self.positions = positions_of(positions, longest, width)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)
        self.output = None if tied else nn.Linear(width, tokens)
        self.bias = nn.Parameter(torch.zeros(tokens)) if tied else None

    def hear(self, before: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """Tokens (batch, steps) at places (batch, steps) or (steps,) to (batch, steps, width)."""
        x = self.embed(before)
        heard: torch.Tensor = self.dropout(x + self.positions.at(places, x))
        return heard

    def say(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, steps, width) to (batch, steps, tokens)."""
        x = self.norm(x)
        logits: torch.Tensor = (
            functional.linear(x, self.embed.weight, self.bias) if self.output is None else self.output(x)
        )
        return logits


@dataclass(slots=True)
class Memory:
    """Where an answer has got to."""

    place: torch.Tensor
    """Each row's next place, int64 (batch, 1)."""
    seen: list[Seen]
    """What each layer has seen of the answer, and without an encoder of the source."""
    source: list[Seen] = field(default_factory=list)
    """What each layer sees of the source, behind an encoder."""


class PlainStep(nn.Module):
    """A row's plain columns as one more step of the source."""

    def __init__(self, width: int, numeric: int, codes: Sequence[int]) -> None:
        super().__init__()
        self.table = TableInputs(numeric, codes)
        self.enter = nn.Linear(self.table.width, width)

    def forward(self, numeric: torch.Tensor, categorical: torch.Tensor) -> torch.Tensor:
        """Numbers (batch, features) and codes (batch, columns) to (batch, 1, width)."""
        step: torch.Tensor = self.enter(self.table(numeric, categorical))[:, None]
        return step


class EncoderDecoder(nn.Module):
    """Reads the whole source in both directions, then says one token after another while looking at all of it.

    A batch's blocks are tokens int64 (batch, steps) or a series (batch, steps, channels), the other without steps; the
    lengths int64 (batch,); the numbers (batch, features) and codes int64 (batch, columns) beside.
    """

    def __init__(
        self,
        *,
        tokens: int,
        longest_answer: int,
        width: int,
        heads: int,
        layers: int,
        feedforward: int,
        dropout: float = 0.0,
        positions: Positions = "sinusoidal",
        tied: bool = True,
        numeric: int = 0,
        codes: Sequence[int] = (),
        **reading: Any,
    ) -> None:
        super().__init__()
        shape: dict[str, Any] = {"width": width, "heads": heads, "feedforward": feedforward, "dropout": dropout}
        self.encoder = Reader(layers=layers, positions=positions, **shape, **reading)
        self.plain = PlainStep(width, numeric, codes) if numeric or codes else None
        self.speaker = Speaker(tokens, longest_answer + 1, width, dropout, positions, tied)
        self.layers = nn.ModuleList(DecoderLayer(**shape) for _ in range(layers))
        start(self)

    def forward(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor,
        categorical: torch.Tensor,
        before: torch.Tensor,
    ) -> torch.Tensor:
        """The blocks and the tokens before (batch, steps) to (batch, steps, tokens)."""
        x = self.speaker.hear(before, torch.arange(before.shape[1], device=before.device))
        sources = self._sources(tokens, series, lengths, numeric, categorical)
        for layer, source in zip(self.layers, sources, strict=True):
            x = layer(x, source)
        return self.speaker.say(x)

    def begin(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor,
        categorical: torch.Tensor,
    ) -> Memory:
        """Read the source; nothing has been said yet."""
        sources = self._sources(tokens, series, lengths, numeric, categorical)
        return Memory(lengths.new_zeros(len(lengths), 1), [source.first(0) for source in sources], sources)

    def step(self, memory: Memory, before: torch.Tensor) -> torch.Tensor:
        """The token before (batch,) to the next one's logits (batch, tokens)."""
        x = self.speaker.hear(before[:, None], memory.place)
        for layer, source, seen in zip(self.layers, memory.source, memory.seen, strict=True):
            x = layer(x, source, seen)
        memory.place = memory.place + 1
        return self.speaker.say(x)[:, 0]

    def _sources(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor,
        categorical: torch.Tensor,
    ) -> list[Seen]:
        """What each layer sees of the source."""
        states = self.encoder.read(tokens, series, lengths)
        mask = inside(lengths, states.shape[1])
        if self.plain is not None:
            states = torch.cat([self.plain(numeric, categorical), states], dim=1)
            mask = functional.pad(mask, (1, 0), value=True)
        return [layer.crossing.source(states, mask) for layer in self.layers]  # type: ignore[union-attr,operator]


class DecoderOnly(nn.Module):
    """Reads source and answer as one sequence, each step looking at what came before it.

    A batch's blocks are those of `EncoderDecoder`; plain columns are the first step.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        channels: int,
        longest: int,
        tokens: int,
        longest_answer: int,
        width: int,
        heads: int,
        layers: int,
        feedforward: int,
        dropout: float = 0.0,
        positions: Positions = "sinusoidal",
        tied: bool = True,
        numeric: int = 0,
        codes: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width, padding_idx=0) if vocabulary else None
        self.enter = None if vocabulary else nn.Linear(channels, width)
        self.plain = PlainStep(width, numeric, codes) if numeric or codes else None
        self.speaker = Speaker(tokens, longest + longest_answer + 2, width, dropout, positions, tied)
        self.layers = nn.ModuleList(CausalLayer(width, heads, feedforward, dropout) for _ in range(layers))
        start(self)

    def forward(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor,
        categorical: torch.Tensor,
        before: torch.Tensor,
    ) -> torch.Tensor:
        """The blocks and the tokens before (batch, steps) to (batch, steps, tokens)."""
        source, own = self._source(tokens, series, lengths, numeric, categorical)
        steps, answer_steps = source.shape[1], before.shape[1]
        # The answer follows at once on the row's own steps, so that no padding lies between two steps.
        places = torch.arange(steps + answer_steps, device=before.device).expand(len(before), -1)
        parts = torch.cat([source, self.speaker.embed(before)], dim=1)
        taken = torch.where(places < own, places, (places - own + steps).clamp(max=steps + answer_steps - 1))
        x = parts.gather(1, taken[:, :, None].expand(-1, -1, parts.shape[2]))
        x = self.speaker.dropout(x + self.speaker.positions(x))
        for layer in self.layers:
            x = layer(x)
        answered = own + torch.arange(answer_steps, device=before.device)  # (batch, answer's steps)
        return self.speaker.say(x.gather(1, answered[:, :, None].expand(-1, -1, x.shape[2])))

    def begin(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor,
        categorical: torch.Tensor,
    ) -> Memory:
        """Read the source; nothing has been said yet."""
        x, own = self._source(tokens, series, lengths, numeric, categorical)
        x = self.speaker.dropout(x + self.speaker.positions(x))
        mask = inside(own[:, 0], x.shape[1])
        seen = []
        for layer in self.layers:
            _, keys, values = layer.attention.parts(x)  # type: ignore[union-attr,operator]
            seen.append(Seen(keys, values, mask))
            x = layer(x)
        return Memory(own, seen)

    def step(self, memory: Memory, before: torch.Tensor) -> torch.Tensor:
        """The token before (batch,) to the next one's logits (batch, tokens)."""
        x = self.speaker.hear(before[:, None], memory.place)
        for layer, seen in zip(self.layers, memory.seen, strict=True):
            x = layer(x, seen)
        memory.place = memory.place + 1
        return self.speaker.say(x)[:, 0]

    def _source(
        self,
        tokens: torch.Tensor,
        series: torch.Tensor,
        lengths: torch.Tensor,
        numeric: torch.Tensor,
        categorical: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The source's vectors without their places (batch, steps, width), and each row's steps (batch, 1)."""
        if self.embed is not None:
            source = self.embed(some_step(tokens))
        else:
            assert self.enter is not None
            source = self.enter(some_step(series))
        own = lengths.clamp(min=1)[:, None]
        if self.plain is not None:
            source = torch.cat([self.plain(numeric, categorical), source], dim=1)
            own = own + 1
        return source, own
