"""`resize`: images that are numbers, at another height and width."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from recipeline import Columns, DataError, Preprocessing, Problem, State

if TYPE_CHECKING:
    import polars as pl


class Resize(Preprocessing, name="resize"):
    """Bring images that are numbers to one height and width: larger for a deeper network, smaller for a faster one.

        x'[i] = sum over j of w(j + 1/2 - (i + 1/2) s) x[j]       s = old size / new size, weights made to sum to 1
        w(d) = max(0, 1 - |d| / max(1, s))                        along the width, and then along the height

    Bilinear, as Pillow does it; of an image that becomes smaller every pixel counts. Bytes stay bytes, fractions
    stay fractions. Images in files, as bytes or of different sizes are for `load_image`, which has a `size` as well.
    Nothing is learnt.

    At serving: a missing image stays missing.

    Pillow, https://pillow.readthedocs.io
    """

    example = """
        data:
          source: {type: sample, dataset: digits_images}
          target: digit
        preprocessing:
          - {type: resize, size: [16, 16]}
          - normalize_image
        architecture: cnn
    """

    new_role = "image"

    columns: Columns = "image"
    """The columns of images, as numbers: put `load_image` before."""
    size: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=2)]
    """Height and width in pixels, such as [64, 64]."""
    aspect: Literal["stretch", "crop", "pad"] = "stretch"
    """How an image of another shape is brought to the size: stretched, cut around its middle, or padded with black."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Each column's channels: there is nothing to learn but what the columns are."""
        return {name: {"channels": _channels(name, dtype)} for name, dtype in frame.collect_schema().items()}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names: arrays (channels, height, width) of bytes or of Float32."""
        import polars as pl

        schema = dict(frame.collect_schema())
        for name, learnt in state.items():
            inner = pl.UInt8() if _leaf(schema[name]) == pl.UInt8 else pl.Float32()
            schema[name] = pl.Array(inner, (learnt["channels"], *self.size))

        def resize(rows: pl.DataFrame) -> pl.DataFrame:
            return rows.with_columns(self._resized(rows[name], learnt, schema[name]) for name, learnt in state.items())

        return frame.map_batches(resize, schema=schema)

    def _resized(self, cells: pl.Series, learnt: dict[str, Any], dtype: Any) -> pl.Series:
        import numpy as np
        import polars as pl

        from recipeline_plugins.preprocessing._images import planes_to

        channels, (height, width) = learnt["channels"], self.size
        there = cells.is_not_null()
        given = cells.drop_nulls()
        numbers = given.to_numpy() if len(given) else np.empty((0, channels, height, width))
        numbers = numbers.reshape(len(given), channels, *numbers.shape[-2:])
        if _leaf(dtype) != pl.UInt8:
            numbers = numbers.astype(np.float32)
        made = np.zeros((len(cells), channels, height, width), dtype=numbers.dtype)
        for row, image in zip(np.flatnonzero(there.to_numpy()), numbers, strict=True):
            made[row] = planes_to(image, channels, height, width, self.aspect)
        found = pl.Series(cells.name, made, dtype=dtype) if len(made) else pl.Series(cells.name, [], dtype=dtype)
        return found if there.all() else pl.select(pl.when(there).then(found)).to_series().alias(cells.name)


def _leaf(dtype: Any) -> Any:
    import polars as pl

    while isinstance(dtype, pl.Array):
        dtype = dtype.inner
    return dtype


def _channels(name: str, dtype: Any) -> int:
    """1 or 3.

    Raises:
        DataError: the column holds no images of one size.
    """
    import polars as pl

    if isinstance(dtype, pl.Array) and len(dtype.shape) == 2:
        return 1
    if isinstance(dtype, pl.Array) and len(dtype.shape) == 3 and dtype.shape[0] in (1, 3):
        return int(dtype.shape[0])
    raise DataError(
        Problem(
            "`resize` works on images of one size, as numbers: height x width, or 1 or 3 channels before",
            field=name,
            found=str(dtype),
            suggestion="Put load_image before it, or give load_image the size.",
        )
    )
