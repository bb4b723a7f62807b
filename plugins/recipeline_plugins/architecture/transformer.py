"""`transformer`: every step of a sequence looks at the others, to one answer or to another sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from recipeline import Architecture, InputSpec, TargetSpec
from recipeline_plugins.architecture._sequences import ACCEPTS, sequences, unit_of_differences
from recipeline_plugins.architecture._starts import Start

if TYPE_CHECKING:
    from torch import nn

    from recipeline import Task


class Transformer(Architecture, name="transformer"):
    """A Transformer: every step looks at the others, and the answer is a class, numbers or a sequence.

        x0 = token vectors (or a linear map of a series' channels) + positions
        x  = x + attention(norm(x))          softmax(Q Kᵀ / sqrt(width / heads)) V, heads side by side
        x  = x + W2 gelu(W1 norm(x))         both `layers` times
        outputs = W mean(norm(x)) + b        over the steps that a row has

    Columns of numbers and of codes (`ordinal`) beside the sequence join its summary in a dense layer before W.

    The norms stand before the branches (Xiong et al. 2020), so that it trains without a warm-up; a short `warmup`
    helps all the same. Time and memory grow with the square of the length. Trained from scratch on some thousand
    short texts it stays behind a linear model of word counts, and behind `gru`: it wants more data.

    For the task `sequence` a decoder says one token after another:

        y0 = vectors of the tokens said so far + positions
        y  = y + attention(norm(y))          to itself and what was said before, never beyond
        y  = y + attention(norm(y), x)       to all of the source, behind an encoder
        y  = y + W2 gelu(W1 norm(y))
        logits of the next token = E norm(y) + b

    E are the token vectors again (`tied`; Press & Wolf 2017, Using the Output Embedding to Improve Language Models).
    While it learns it is told the true tokens before each step; when it answers, its own: the most probable one at each
    step, until it says the end, or has said as many as the longest train target has. `decoder` (Radford et al. 2018)
    has no encoder: it reads the source as the beginning of one long sequence.

    Vaswani et al. 2017, Attention Is All You Need.
    """

    example = """
        data:
          source: {type: csv, path: reviews.csv}
          target: verdict
          columns: {review: text}
        preprocessing:
          - {type: tokenize, columns: review, length: 64}
        architecture: {type: transformer, width: 64, heads: 4, layers: 2}
        scheduler: {type: cosine, warmup_epochs: 1}
    """

    accepts: ClassVar[tuple[str, ...]] = ACCEPTS
    goes_badly_with: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("preprocessing.standardize_series", "preprocessing.normalize_target"),
        "with around_last, which wants series and target in one unit",
    )
    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset({*Architecture.tasks, "sequence"})

    form: Literal["auto", "encoder", "encoder_decoder", "decoder"] = "auto"
    """encoder: one answer a row. encoder_decoder and decoder: a sequence. auto: by the task, an encoder_decoder for
    sequences."""
    width: PositiveInt = 64
    """Numbers that stand for a step, throughout."""
    heads: PositiveInt = 4
    """Ways of looking, side by side; they share the width, which has to be a multiple."""
    layers: PositiveInt = 2
    """Blocks of attention and two dense layers, as many in an encoder as in the decoder behind it."""
    feedforward: PositiveInt | Literal["auto"] = "auto"
    """Width between the two dense layers; auto takes four times `width`."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of numbers left out while training: of the vectors at the start, and of what each branch adds. Attention
    itself loses none, so that torch's fused kernel computes it."""
    positions: Literal["sinusoidal", "learned"] = "sinusoidal"
    """How a step knows its place. sinusoidal: fixed waves times a learnt factor, for any length. learned: a vector for
    each place; places that the data doesn't have when training starts share the last one's."""
    pooling: Literal["mean", "max", "last"] = "mean"
    """What an encoder's one answer is made from: the mean or the largest over all steps, or the last step, as for
    forecasts."""
    around_last: bool = False
    """Read a series as differences from its last value, and add that value to the answers: what is forecast is then
    the change, at any level (Zeng et al. 2023, NLinear). Of several channels, the first is the one forecast. Leave
    `standardize_series` and `normalize_target` out: two spreads that differ by a hundredth move the answer at levels
    far from training's. A series in very large or small numbers wants `own_unit` or another unit."""
    own_unit: bool = False
    """With `around_last`: measure each row's differences in their own root mean square, and give the answers back in
    the series' unit (after Kim et al. 2022, RevIN). Series of any size then look alike, several ones in a table too."""
    tied: bool = True
    """Whether a decoder's token vectors serve as the weights of its last layer too: fewer weights, and each is learnt
    from both sides."""

    @model_validator(mode="after")
    def _unit_of_differences(self) -> Self:
        return unit_of_differences(self)

    init: Start = "auto"
    """What the hidden layers' weights start from, as in torch.nn.init, biases at zero. auto: xavier_uniform. glorot is
    another name for xavier, he one for kaiming."""

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % self.heads:
            raise ValueError(
                f"width must be a multiple of heads, which share it (width {self.width}, heads {self.heads}): "
                f"for instance width {-(-self.width // self.heads) * self.heads}"
            )
        return self

    @model_validator(mode="after")
    def _settings_are_read(self) -> Self:
        if self.form in ("encoder_decoder", "decoder") and (self.around_last or self.pooling != "mean"):
            unread = "around_last" if self.around_last else "pooling"
            raise ValueError(f"{unread} is an encoder's, which has one answer: a {self.form} doesn't read it")
        if self.form == "encoder" and not self.tied:
            raise ValueError("tied is a decoder's: an encoder has no vectors of the answer's tokens")
        return self

    def refuses(self, task: Task) -> str | None:
        """An encoder has no sequence to give, a decoder nothing else."""
        if task == "sequence":
            return "form: encoder gives one answer a row" if self.form == "encoder" else None
        return f"form: {self.form} answers with a sequence" if self.form not in ("auto", "encoder") else None

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A network from tokens or series, their lengths, and the numbers and codes beside, to (batch, outputs)."""
        from recipeline_plugins.architecture.starts import start_hidden
        from recipeline_plugins.architecture.transformer_network import TransformerNetwork

        network = TransformerNetwork(
            outputs=outputs,
            pooling=self.pooling,
            around_last=self.around_last,
            own_unit=self.own_unit,
            **self._settings(inputs),
        )
        start_hidden(network, self.init, network.output)
        return network

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        """The same, and the tokens before (batch, answer's steps), to (batch, answer's steps, tokens)."""
        from recipeline_plugins.architecture.starts import start_hidden
        from recipeline_plugins.architecture.transformer_sequences import DecoderOnly, EncoderDecoder

        form = DecoderOnly if self.form == "decoder" else EncoderDecoder
        settings = self._settings(inputs)
        network = form(tokens=target.outputs, longest_answer=target.longest, tied=self.tied, **settings)
        start_hidden(network, self.init, network.speaker.output)
        return network

    def _settings(self, inputs: InputSpec) -> dict[str, Any]:
        found = sequences(self.plugin_name, inputs)
        return {
            "vocabulary": found.vocabulary,
            "channels": found.channels,
            "longest": found.longest,
            "width": self.width,
            "heads": self.heads,
            "layers": self.layers,
            "feedforward": 4 * self.width if self.feedforward == "auto" else self.feedforward,
            "dropout": self.dropout,
            "positions": self.positions,
            "numeric": found.numeric,
            "codes": found.codes,
        }
