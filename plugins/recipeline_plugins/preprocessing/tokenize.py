"""`tokenize`: text as a list of whole numbers."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveInt, PrivateAttr

from recipeline import Columns, DataError, MissingExtra, Preprocessing, Problem, State
from recipeline_plugins.preprocessing._column_types import require
from recipeline_plugins.preprocessing._vocabulary import FIRST, learnt, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import polars as pl
    from tokenizers import Tokenizer

UNKNOWN = "[UNK]"
"""The token for what the vocabulary doesn't have."""

LETTERS = 1000
"""Letters that get into the vocabulary at most: the most frequent ones."""

BATCH_ROWS = 16_384


class Tokenize(Preprocessing, name="tokenize"):
    """Cut text into frequent pieces, learnt from the train rows, and write their numbers: what text networks read.

    bpe (Sennrich et al. 2016) starts from letters and joins the most frequent neighbours until the vocabulary is
    full; wordpiece (Schuster & Nakajima 2012) then cuts a word into its longest known pieces, marked ## within it.
    words and characters take every word between blanks, or every sign, as a piece: for spellings, codes and text whose
    pieces are apart already. Text is brought to Unicode's form NFKC first. The numbers start at 1: 0 is left for
    padding, and 1 is a piece that isn't known. The same rows give the same vocabulary, whatever the number of threads.
    bpe and wordpiece need the extra `text` (https://github.com/huggingface/tokenizers).

    At serving: words that training didn't see are cut into pieces that it did, and letters (with words: words) that it
    didn't see are [UNK]. A text without any piece, as an empty one, is a single [UNK]; a missing value stays missing:
    put `impute` before. Pieces beyond `length` are cut off.
    """

    example = """
        data:
          source: {type: csv, path: reviews.csv}
          target: verdict
          columns: {review: text}
        preprocessing:
          - {type: tokenize, columns: review, vocabulary: 4000, length: 64}
        architecture: gru
    """

    packages: ClassVar[frozenset[str]] = frozenset({"tokenizers"})

    columns: Columns = "text"
    """The columns of text to work on. Each has a vocabulary of its own; a network reads one."""
    method: Literal["bpe", "wordpiece", "words", "characters"] = "bpe"
    """How text is cut into pieces."""
    vocabulary: int = Field(default=8000, ge=10)
    """Different pieces at most. More: fewer pieces a text, and more of them seen too rarely to learn from."""
    min_frequency: PositiveInt = 2
    """How often a pair of neighbours, a whole word or a character has to occur to become a piece."""
    lowercase: bool = True
    """Whether capitals count as small letters."""
    length: PositiveInt = 256
    """Pieces of a text that are kept: its first ones."""
    file: str | None = Field(default=None, min_length=1)
    """A tokenizer.json to take instead of learning one: beside the recipe or below the working folder. The settings
    above, but for `length`, are then without effect. The model takes what is in it along."""

    _folder: Path | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Remember the recipe's folder, which a relative path starts from."""
        folder = context.get("folder") if isinstance(context, dict) else None
        self._folder = None if folder is None else Path(folder)

    def fingerprint(self) -> str | None:
        """The sha256 of the tokenizer.json, where there is one."""
        return None if self.file is None else hashlib.sha256(self._found(self.file).read_bytes()).hexdigest()

    def needed_packages(self) -> frozenset[str]:
        """None for words and characters."""
        own = self.file is None and self.method in ("words", "characters")
        return frozenset() if own else self.packages

    def fit(self, frame: pl.LazyFrame) -> State:
        """Each column's tokenizer as the library writes it, or its words or characters."""
        require(self, frame, ("text", "empty"), "Choose columns: text, or convert it with `cast` before.")
        read = None if self.file is None else self._read(self.file)
        names = frame.collect_schema().names()
        if read is None and (self.method == "words" or self.method == "characters"):
            learn = partial(learnt, frame, self.method, self.lowercase, self.vocabulary, self.min_frequency)
            return {name: learn(name) for name in names}
        return {name: self._learnt(partial(_texts, frame, name)) if read is None else read for name in names}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names that hold lists of whole numbers."""
        import polars as pl

        def numbers(tokenizer: str, texts: pl.Series) -> pl.Series:
            encode = _loaded(tokenizer, self.length)
            found = iter(encode.encode_batch_fast(texts.drop_nulls().to_list()))
            unknown = [_unknown(encode) + 1]
            rows = [None if text is None else [i + 1 for i in next(found).ids] or unknown for text in texts]
            return pl.Series(texts.name, rows, dtype=pl.List(pl.Int64))

        return frame.with_columns(
            numbered(pl.col(name), tokenizer, self.length).alias(name)
            if isinstance(tokenizer, dict)
            else pl.col(name)
            .cast(pl.String)
            .map_batches(
                partial(numbers, tokenizer),
                return_dtype=pl.List(pl.Int64),
                is_elementwise=True,
            )
            for name, tokenizer in state.items()
        )

    def cardinalities(self, state: State) -> Mapping[str, int]:
        """One more than the largest number of a piece: 0 is the padding's."""
        return {
            name: len(learnt["tokens"]) + FIRST
            if isinstance(learnt, dict)
            else max(_loaded(learnt, self.length).get_vocab().values()) + 2
            for name, learnt in state.items()
        }

    def _learnt(self, texts: Callable[[], Iterator[str]]) -> str:
        """A tokenizer of the most frequent pieces of these texts.

        Both ways of the library count letters in the order of a hash table that differs from run to run, which shows
        where two are equally frequent, or in the order of the numbers. So the letters are counted here.
        """
        library = _library()
        from tokenizers import models, normalizers, pre_tokenizers, trainers

        steps = [normalizers.NFKC(), *([normalizers.Lowercase()] if self.lowercase else [])]
        normalizer = normalizers.Sequence(steps)
        counts: Counter[str] = Counter()
        for text in texts():
            counts.update(normalizer.normalize_str(text))
        known = sorted((letter for letter in counts if not letter.isspace()), key=lambda sign: (-counts[sign], sign))
        letters = sorted(known[: min(LETTERS, self.vocabulary // 4)])
        wanted: dict[str, Any] = {
            "vocab_size": self.vocabulary,
            "min_frequency": self.min_frequency,
            "limit_alphabet": len(letters),
            "initial_alphabet": letters,
            "show_progress": False,
        }
        trainer: Any
        if self.method == "bpe":
            tokenizer = library(models.BPE(unk_token=UNKNOWN))
            trainer = trainers.BpeTrainer(special_tokens=[UNKNOWN], **wanted)
        else:
            tokenizer = library(models.WordPiece(unk_token=UNKNOWN))
            first = [UNKNOWN, *letters, *(f"##{letter}" for letter in letters)]
            trainer = trainers.WordPieceTrainer(special_tokens=first, **wanted)
        tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.train_from_iterator(texts(), trainer)
        # Without the mark of being special: "[UNK]" in a text is three pieces like any other.
        return json.dumps(json.loads(tokenizer.to_str()) | {"added_tokens": []}, ensure_ascii=False, sort_keys=True)

    def _found(self, path: str) -> Path:
        """The file that a path means.

        Raises:
            DataError: there is no such file.
        """
        given = Path(path).expanduser()
        places = [given] if given.is_absolute() or self._folder is None else [self._folder / given, given]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            looked = " and ".join(f"'{place}'" for place in dict.fromkeys(places))
            raise DataError(
                Problem(f"`{self.plugin_name}` finds no file '{path}'", file=path, suggestion=f"Looked at {looked}.")
            )
        return found

    def _read(self, path: str) -> str:
        """What stands in a tokenizer.json, checked by loading it.

        Raises:
            DataError: there is no such file, or it is none.
        """
        found = self._found(path)
        library = _library()
        try:
            tokenizer = library.from_str(found.read_text(encoding="utf-8"))
        except Exception as error:  # the library raises Exception itself
            raise DataError(
                Problem(
                    f"`{self.plugin_name}` can't read this as a tokenizer.json",
                    file=str(found),
                    found=str(error).partition("\n")[0],
                    suggestion="Take a file that `Tokenizer.save` of the package tokenizers has written.",
                )
            ) from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        text: str = tokenizer.to_str()
        return text


def _library() -> type[Tokenizer]:
    """The class of the library.

    Raises:
        MissingExtra: it isn't installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise MissingExtra("The preprocessing step 'tokenize'", "tokenizers", "text") from error
    return Tokenizer


@lru_cache(maxsize=16)
def _loaded(text: str, length: int) -> Tokenizer:
    """A tokenizer as it was written, cutting texts off at a number of pieces."""
    tokenizer: Tokenizer = _library().from_str(text)
    tokenizer.enable_truncation(length)
    return tokenizer


def _unknown(tokenizer: Tokenizer) -> int:
    """The number of the piece that isn't known; of a vocabulary without one, the first."""
    found: int | None = tokenizer.token_to_id(getattr(tokenizer.model, "unk_token", None) or UNKNOWN)
    return found or 0


def _texts(frame: pl.LazyFrame, name: str) -> Iterator[str]:
    """The texts of a column, in the order of the rows."""
    import polars as pl

    chosen = frame.select(pl.col(name).cast(pl.String).drop_nulls())
    for batch in chosen.collect_batches(chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming"):
        yield from batch.to_series()
