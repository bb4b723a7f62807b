"""What `recipeline init` writes for a column of images: a size to load them at, and a network that fits it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recipeline.cli.init_recipe import Draft
    from recipeline.data.read import Table

LOOKED_AT = 200
"""Images whose sizes are looked at."""
USUAL = [64, 64]
"""The size for images that differ, or are large."""
LARGE = 128
"""Pixels beyond which an image is made smaller at first: four times as fast at half the size."""


def seen(draft: Draft, table: Table, images: list[str]) -> Draft:
    """The draft for these columns of images, which become one image of all their channels."""
    found = [size_for(table, column) for column in images]
    alike = len({smallest_side(table, column, None) for column in images}) == 1
    pixels = USUAL if not alike or any(size is not None for size in found) else None
    load = {"type": "load_image", "columns": "image"} | ({} if pixels is None else {"size": pixels})
    return replace(
        draft,
        steps=[load],
        network=network_for(smallest_side(table, images[0], pixels)),
        network_reason="more blocks see larger things",
    )


def size_for(table: Table, column: str) -> list[int] | None:
    """Height and width to load the images at; None where they are small and alike."""
    import polars as pl

    dtype: Any = table.schema[column]
    if isinstance(dtype, pl.Array):
        return None
    cells = table.scan().select(pl.col(column).drop_nulls().head(LOOKED_AT)).collect().to_series()
    if dtype.is_nested():
        return USUAL
    sizes = {_size(cell) for cell in cells}
    return None if len(sizes) == 1 and max(next(iter(sizes))) <= LARGE else USUAL


def _size(cell: Any) -> tuple[int, int]:
    import io

    from PIL import Image

    try:
        with Image.open(io.BytesIO(cell) if isinstance(cell, bytes) else cell) as image:
            return image.size
    except OSError:
        return 0, 0  # the run will name it


def smallest_side(table: Table, column: str, size: list[int] | None) -> int:
    """Pixels of the shorter side, as the network will see it."""
    import polars as pl

    if size is not None:
        return min(size)
    dtype: Any = table.schema[column]
    if isinstance(dtype, pl.Array):
        return int(min(dtype.shape[-2:]))
    first = table.scan().select(pl.col(column).drop_nulls().first()).collect().item()
    return min(_size(first))


def network_for(side: int) -> dict[str, Any]:
    """A `cnn` whose blocks halve such an image to 3 places or more."""
    count = max(1, min(4, side.bit_length() - 2))
    head = {"head": "average"} if side >= 32 else {}
    return {"type": "cnn", "blocks": [16, 32, 64, 128][:count], **head, "dropout": 0.1}
