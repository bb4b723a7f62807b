"""What a recipe needs for torch's own Transformer: it as an architecture, and columns that are tokens already."""

from __future__ import annotations

from recipeline import Architecture, Columns, Preprocessing


class BenchmarkTransformer(Architecture, name="benchmark_transformer"):
    """torch.nn.TransformerEncoder over rows of 64 tokens, the network of the hand loop."""

    accepts = ("tokens",)

    def build(self, inputs, outputs):
        from medium_networks import Transformer

        return Transformer(inputs.blocks["tokens"].cardinalities[0], outputs)


class BenchmarkTokens(Preprocessing, name="benchmark_tokens"):
    """Says how many different tokens there are, of texts that are lists of whole numbers already."""

    columns: Columns = "text"
    """The columns."""
    vocabulary: int
    """How many."""

    def fit(self, frame):
        return dict.fromkeys(frame.collect_schema().names(), self.vocabulary)

    def transform(self, frame, state):
        return frame

    def cardinalities(self, state):
        return state
