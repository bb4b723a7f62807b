"""`normalize_image`: every channel around 0 with a spread of 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipeline import Columns, DataError, Preprocessing, Problem, State

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


class NormalizeImage(Preprocessing, name="normalize_image"):
    """Subtract each channel's mean over all pixels of the train images, and divide by its standard deviation.

        x' = (x - mean) / deviation          one of each a channel

    A channel that never changes becomes zeros. What comes out are 32-bit fractions, four times as large as the
    bytes that went in: for very many images leave it out, since a network with batch norm learns from numbers
    between 0 and 1 nearly as well.

    At serving: a missing image stays missing.

    Krizhevsky, Sutskever & Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks.
    """

    example = """
        data:
          source: {type: image_folder, path: animals}
          target: label
        preprocessing: [load_image, normalize_image]
        architecture: cnn
    """

    new_role = "image"

    columns: Columns = "image"
    """The columns of images, as numbers: put `load_image` before."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Mean and deviation of each channel."""
        import numpy as np

        names = list(frame.collect_schema())
        for name in names:
            _shape(name, frame.collect_schema()[name])
        counts = dict.fromkeys(names, 0)
        sums: dict[str, Any] = dict.fromkeys(names, 0.0)
        squares: dict[str, Any] = dict.fromkeys(names, 0.0)
        for batch in frame.collect_batches(chunk_size=512, maintain_order=True):
            for name in names:
                for image in _planes(batch[name].drop_nulls()):  # one by one: as float64 they take much room
                    x = _numbers(image, np.float64)
                    counts[name] += x.shape[1] * x.shape[2]
                    sums[name] = sums[name] + x.sum(axis=(1, 2))
                    squares[name] = squares[name] + np.square(x).sum(axis=(1, 2))
        state: State = {}
        for name in names:
            mean = np.atleast_1d(sums[name] / max(1, counts[name]))
            variance = np.atleast_1d(squares[name] / max(1, counts[name])) - mean**2
            scale = np.sqrt(np.maximum(variance, 0.0))
            scale[scale < 1e-6 * np.maximum(1.0, np.abs(mean))] = 1.0
            state[name] = {"mean": mean.tolist(), "scale": scale.tolist()}
        return state

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names: arrays (channels, height, width) of Float32."""
        import numpy as np
        import polars as pl

        schema = dict(frame.collect_schema())
        for name in state:
            schema[name] = pl.Array(pl.Float32, _shape(name, schema[name]))

        def normalize(rows: pl.DataFrame) -> pl.DataFrame:
            made = []
            for name, learnt in state.items():
                there = rows[name].is_not_null()
                x = _planes(rows[name].drop_nulls())
                mean, scale = (np.array(learnt[key]).reshape(-1, 1, 1) for key in ("mean", "scale"))
                whole = np.zeros((rows.height, *x.shape[1:]), dtype=np.float32)
                for row, image in zip(np.flatnonzero(there.to_numpy()), x, strict=True):
                    whole[row] = (_numbers(image, np.float64) - mean) / scale
                column = (
                    pl.Series(name, whole, dtype=schema[name])
                    if rows.height
                    else pl.Series(name, [], dtype=schema[name])
                )
                made.append(column if there.all() else pl.select(pl.when(there).then(column)).to_series().alias(name))
            return rows.with_columns(made)

        return frame.map_batches(normalize, schema=schema)


def _shape(name: str, dtype: Any) -> tuple[int, ...]:
    """Channels, height and width.

    Raises:
        DataError: the column holds no images of one size.
    """
    import polars as pl

    if isinstance(dtype, pl.Array) and len(dtype.shape) in (2, 3):
        return dtype.shape if len(dtype.shape) == 3 else (1, *dtype.shape)
    raise DataError(
        Problem(
            "`normalize_image` works on images of one size, as numbers",
            field=name,
            found=str(dtype),
            suggestion="Put load_image before it.",
        )
    )


def _planes(column: pl.Series) -> np.ndarray:
    """(rows, channels, height, width), as they are."""
    import numpy as np

    shape = _shape(column.name, column.dtype)
    x: np.ndarray = column.to_numpy() if len(column) else np.empty((0, *shape))
    return x.reshape(len(x), *shape)


def _numbers(image: np.ndarray, dtype: type[np.floating[Any]]) -> np.ndarray:
    """One image's numbers; bytes become numbers from 0 to 1."""
    return image.astype(dtype) / 255 if image.dtype.name == "uint8" else image.astype(dtype)
