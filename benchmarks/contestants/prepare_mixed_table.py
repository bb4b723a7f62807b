"""Makes arrays of the mixed table. Usage: prepare_mixed_table.py {parse|recipeline|scikit_learn} CSV FOLDER

Of the rows 80 % train, 10 % validate and 10 % test, at random; what is learnt is learnt from those that train. Arrays
are float32, one file a part, with the target as classes from 0.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from epoch_clock import say
from mixed_table import NUMBERS, WORDS

RECIPE = """\
name: mixed_table
data:
  source: {{type: csv, path: {file}}}
  target: label
  split: {{type: random, train: 0.8, validation: 0.1, test: 0.1, stratify: false}}
preprocessing:
  - {{type: impute, columns: numeric, strategy: median}}
  - {{type: standardize, columns: numeric}}
  - {{type: one_hot, columns: categorical}}
architecture: linear
"""


def parse(file: Path, _: Path) -> float:
    import polars as pl

    began = perf_counter()
    pl.scan_csv(file).select(pl.all().count()).collect(engine="streaming")
    return perf_counter() - began


def recipeline(file: Path, folder: Path) -> float:
    """The stages read, split and preprocess, without what comes after them."""
    import polars  # noqa: F401 - to import it is not what is measured

    from recipeline.collector import collecting_seldom
    from recipeline.data.cutting import cutter_of
    from recipeline.recipe.load import parse as read_recipe
    from recipeline.stages.read import complete
    from recipeline.training.datamodule import RecipeDataModule

    began = perf_counter()
    with collecting_seldom():  # as the command does while it reads and prepares
        recipe = read_recipe(RECIPE.format(file=file), "mixed_table.yaml").recipe
        prepared = RecipeDataModule(recipe, folder / "cache", complete).data
    taken = perf_counter() - began
    (width,) = {cutter_of(arrays).between(0, 1)[0][0].shape[1] for arrays in prepared.parts.values()}
    assert width == len(NUMBERS) + sum(WORDS.values())
    return taken


def scikit_learn(file: Path, folder: Path) -> float:
    import numpy as np
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    folder.mkdir()
    began = perf_counter()
    frame = pd.read_csv(file)
    target = (frame.pop("label") == "yes").to_numpy().astype(np.int64)
    train, others = train_test_split(np.arange(len(frame)), test_size=0.2, random_state=0)
    validation, test = train_test_split(others, test_size=0.5, random_state=0)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(sparse_output=False, dtype=np.float32)
    steps = ColumnTransformer([("numbers", numbers, NUMBERS), ("words", words, list(WORDS))])
    steps.fit(frame.iloc[train])
    for name, rows in {"train": train, "validation": validation, "test": test}.items():
        np.save(folder / f"{name}.npy", steps.transform(frame.iloc[rows]).astype(np.float32))
        np.save(folder / f"{name}_target.npy", target[rows])
    return perf_counter() - began


if __name__ == "__main__":
    who = {"parse": parse, "recipeline": recipeline, "scikit_learn": scikit_learn}[sys.argv[1]]
    say(work_s=who(Path(sys.argv[2]), Path(sys.argv[3])))
