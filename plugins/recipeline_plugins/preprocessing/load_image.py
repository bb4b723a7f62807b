"""`load_image`: files, bytes or numbers as images of one size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from recipeline import Columns, DataError, Preprocessing, Problem, State

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

MANY = 16
"""From so many files on they are read on several threads."""


class LoadImage(Preprocessing, name="load_image"):
    """Read images from paths, bytes, base64 or numbers, and bring them to one size and number of channels.

    PNG, JPEG, BMP, GIF, WEBP, TIFF and PPM, turned upright as the camera noted, transparency left out, 8 bits a
    channel. Numbers of 0 to 255 stay bytes, fractions stay fractions. Resizing is bilinear, as Pillow does it.
    Nothing but the size and the channels of the train images is learnt, and of the size only where none is given.

    At serving: bytes, base64 (also a `data:` address) or nested lists, whatever the training had; a path for
    `recipeline predict`, and where MLflow serves the model only below the folders in RECIPELINE_SERVED_FILES. A missing
    image stays missing: put `drop_missing` before. One that can't be read is an error with its row.

    Pillow, https://pillow.readthedocs.io
    """

    example = """
        data:
          source: {type: csv, path: photos.csv}      # a column of paths
          target: animal
          columns: {photo: image}
        preprocessing:
          - {type: load_image, columns: photo, size: [64, 64], channels: rgb, aspect: crop}
          - normalize_image
        architecture: cnn
    """

    new_role = "image"

    packages: ClassVar[frozenset[str]] = frozenset({"pillow"})

    columns: Columns = "image"
    """The columns of images."""
    size: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=2)] | None = None
    """Height and width in pixels, such as [64, 64]. Left out, the train images' own size, if they all have one."""
    channels: Literal["auto", "gray", "rgb"] = "auto"
    """One channel or three; `auto` takes three as soon as one train image has colours."""
    aspect: Literal["stretch", "crop", "pad"] = "stretch"
    """How an image of another shape is brought to the size: stretched, cut around its middle, or padded with black."""

    def fit(self, frame: pl.LazyFrame) -> State:
        """Size, channels and kind of number of each column's train images."""
        return {name: self._learnt(frame, name) for name in frame.collect_schema()}

    def _learnt(self, frame: pl.LazyFrame, name: str) -> dict[str, Any]:
        import polars as pl

        from recipeline_plugins.preprocessing._images import opened

        dtype = frame.collect_schema()[name]
        if dtype.is_nested():
            return self._of_numbers(frame, name, dtype)
        if dtype not in (pl.String, pl.Binary):
            raise DataError(
                Problem(
                    "`load_image` reads paths, bytes or numbers of images",
                    field=name,
                    found=str(dtype),
                    suggestion="Choose other columns, or leave the step out.",
                )
            )
        channels = {"gray": 1, "rgb": 3}.get(self.channels)
        sizes: dict[tuple[int, int], int] = {}
        if channels is None or self.size is None:
            row = 0
            for batch in frame.select(name).collect_batches(chunk_size=256, maintain_order=True):
                for cell in batch.to_series():
                    row += 1
                    if cell is None:
                        continue
                    with opened(cell, row - 1, name) as image:
                        size = image.size
                        # The camera's note of a quarter turn changes height and width.
                        turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
                        gray = image.mode in ("1", "L", "LA") or image.mode.startswith("I")
                    sizes[size if not turned else (size[1], size[0])] = row
                    channels = channels if self.channels != "auto" else max(channels or 1, 1 if gray else 3)
        height, width = self.size or self._only(name, {(high, wide) for wide, high in sizes})
        return {"channels": channels or 3, "height": height, "width": width, "floats": False}

    def _only(self, name: str, sizes: set[tuple[int, int]]) -> tuple[int, int]:
        if len(sizes) == 1:
            return next(iter(sizes))
        smallest, largest = (min(sizes), max(sizes)) if sizes else ((0, 0), (0, 0))
        raise DataError(
            Problem(
                "the images are not of one size" if sizes else "there are no images to learn the size from",
                field=name,
                found=f"from {smallest[0]} x {smallest[1]} to {largest[0]} x {largest[1]}" if sizes else None,
                suggestion="Write a size: {type: load_image, size: [64, 64]}.",
            )
        )

    def _of_numbers(self, frame: pl.LazyFrame, name: str, dtype: Any) -> dict[str, Any]:
        import polars as pl

        from recipeline_plugins.preprocessing._images import as_planes, cell_numbers

        leaf: Any = dtype
        while isinstance(leaf, pl.Array | pl.List):
            leaf = leaf.inner
        floats = leaf.is_float()
        if isinstance(dtype, pl.Array):
            import numpy as np

            planes = as_planes(np.empty(dtype.shape, dtype=np.uint8))
            shapes = {planes.shape} if planes is not None else set()
        else:
            shapes = set()
            for batch in frame.select(name).collect_batches(chunk_size=64, maintain_order=True):
                found = [cell_numbers(cell.to_list(), floats) for cell in batch.to_series().drop_nulls()]
                shapes |= {numbers.shape for numbers in found if numbers is not None}
        if not shapes:
            raise DataError(
                Problem(
                    "these numbers are no images: an image is height x width, or 3 channels x height x width",
                    field=name,
                    found=str(dtype),
                )
            )
        height, width = self.size or self._only(name, {shape[1:] for shape in shapes})
        channels = {"gray": 1, "rgb": 3}.get(self.channels) or (1 if all(shape[0] == 1 for shape in shapes) else 3)
        return {"channels": channels, "height": height, "width": width, "floats": floats}

    def transform(self, frame: pl.LazyFrame, state: State) -> pl.LazyFrame:
        """Columns of the same names: arrays (channels, height, width) of bytes or, from fractions, of Float32."""
        import polars as pl

        schema = dict(frame.collect_schema())
        for name, learnt in state.items():
            inner = pl.Float32 if learnt["floats"] else pl.UInt8
            schema[name] = pl.Array(inner, (learnt["channels"], learnt["height"], learnt["width"]))

        def load(rows: pl.DataFrame) -> pl.DataFrame:
            return rows.with_columns(self._loaded(rows[name], state[name], schema[name]) for name in state)

        return frame.map_batches(load, schema=schema)

    def _loaded(self, cells: pl.Series, learnt: dict[str, Any], dtype: Any) -> pl.Series:
        from concurrent.futures import ThreadPoolExecutor

        import numpy as np
        import polars as pl

        there = cells.is_not_null().to_numpy()
        shape = (learnt["channels"], learnt["height"], learnt["width"])
        if (
            isinstance(cells.dtype, pl.Array)
            and there.all()
            and cells.dtype.shape in (shape, shape[1:] * (shape[0] == 1))
        ):
            return (
                cells.reshape((len(cells), *shape)).cast(dtype)
                if len(cells)
                else pl.Series(cells.name, [], dtype=dtype)
            )
        made = np.zeros((len(cells), *shape), dtype=np.float32 if learnt["floats"] else np.uint8)
        given = cells.drop_nulls().to_list()
        places = np.flatnonzero(there)

        def load(place: int) -> None:
            made[places[place]] = self._one(given[place], learnt, int(places[place]), cells.name)

        # Pillow decodes and resizes without holding Python's lock, so that threads are as good as processes, and the
        # images needn't be carried from one to the other.
        several = len(given) >= MANY and isinstance(given[0], str | bytes)
        with ThreadPoolExecutor(os.cpu_count() if several else 1, "recipeline-images") as pool:
            for _ in pool.map(load, range(len(given))) if several else map(load, range(len(given))):
                pass  # of several wrong ones the first is told
        found = pl.Series(cells.name, made, dtype=dtype) if len(made) else pl.Series(cells.name, [], dtype=dtype)
        return found if there.all() else pl.select(pl.when(pl.Series(there)).then(found)).to_series().alias(cells.name)

    def _one(self, cell: Any, learnt: dict[str, Any], row: int, name: str) -> np.ndarray:
        """One image as (channels, height, width)."""
        import numpy as np

        from recipeline_plugins.preprocessing._images import cell_numbers, opened, pixels, planes_to, resized

        channels, height, width = learnt["channels"], learnt["height"], learnt["width"]
        if not isinstance(cell, str | bytes):
            numbers = cell_numbers(cell.to_list() if hasattr(cell, "to_list") else cell, learnt["floats"])
            if numbers is None:
                raise DataError(
                    Problem(
                        "these numbers are no image",
                        row=row + 1,
                        field=name,
                        suggestion="Expected "
                        + ("fractions" if learnt["floats"] else "numbers from 0 to 255")
                        + " in lists: height x width, or 3 channels x height x width.",
                    )
                )
            return planes_to(numbers, channels, height, width, self.aspect)
        path = cell if isinstance(cell, str) and len(cell) < 4096 else None
        with opened(cell, row, name) as image:
            loaded = resized(pixels(image, channels, row, name, path), height, width, self.aspect)
        values = np.asarray(loaded)
        planes = values[None] if channels == 1 else np.moveaxis(values, -1, 0)
        return planes.astype(np.float32) / 255 if learnt["floats"] else planes
