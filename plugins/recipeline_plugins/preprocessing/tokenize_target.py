"""`tokenize_target`: the target of a sequence as tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveInt

from recipeline import DataError, Problem, State, TargetTokens
from recipeline_plugins.preprocessing._vocabulary import By, cut, frequent, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl


class TokenizeTarget(TargetTokens, name="tokenize_target"):
    """Cuts the text that is to be predicted into the tokens that the network says one after another.

    words: what stands between blanks, as the sounds `HH AH0 L OW1`, or the words of a sentence; predictions have one
    blank between two. characters: every sign, blanks too, for spelling and short codes. Capitals and small letters
    differ, and nothing is normalized: what is predicted is what stands in the data. The vocabulary is that of the
    train rows, the most frequent tokens first.

    At serving: the target isn't there. A token of another part that the train rows don't have can't be predicted: it is
    left out of the loss and counts as an error in the metrics. A target without any token is refused, as a missing one
    is.

    Sutskever, Vinyals & Le 2014, Sequence to Sequence Learning with Neural Networks.
    """

    example = """
        data:
          source: {type: csv, path: sounds.csv}
          target: sound
          task: sequence
          columns: {spelling: text}
        preprocessing:
          - {type: tokenize, columns: spelling, method: characters}
          - {type: tokenize_target, by: words}     # HH AH0 L OW1: four tokens
        architecture: transformer
    """

    by: By = "words"
    """What a token is."""
    vocabulary: PositiveInt = 8000
    """Different tokens at most. The network's last layer has an output for each."""
    min_frequency: PositiveInt = 1
    """How often a token has to occur in the train rows to be among them."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """The tokens, most frequent first."""
        import polars as pl

        found = frequent(frame.select(cut(pl.all().cast(pl.String), self.by)), self.vocabulary, self.min_frequency)
        if not found:
            (name,) = frame.collect_schema().names()
            raise DataError(
                Problem(
                    f"`tokenize_target` finds no token that occurs {self.min_frequency} times in the train rows",
                    field=name,
                    suggestion="Lower min_frequency, or choose another data.target.",
                )
            )
        return {"tokens": found}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Lists of the tokens' places in the vocabulary, null for one that isn't there."""
        import polars as pl

        return frame.with_columns(places(cut(pl.all().cast(pl.String), self.by), state["tokens"]))

    def tokens(self, state: State) -> Sequence[str]:
        """The tokens, most frequent first."""
        found: list[str] = state["tokens"]
        return found

    def separator(self, state: State) -> str:
        """A blank between words, nothing between characters."""
        return " " if self.by == "words" else ""
