"""Columns whose cells are arrays: the types that they have, and the way from their cells to a block of numbers.

A cell is an image (height x width, or channels x height x width), the tokens of a text, or a series (its values, or
the values of several channels at each time). polars holds them as `Array` where all cells have one shape, and as
`List` where lengths differ.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from recipeline.errors import DataError, Problem
from recipeline.families.spec import Role

if TYPE_CHECKING:
    import polars as pl

KINDS: Mapping[Role, str] = {"image": "image", "text": "tokens", "series": "series"}
"""The kind of block that an array column of each role makes."""

LENGTHS = "lengths"
"""The kind of block that says how many tokens, or times, each row has."""

PADDED = ("tokens", "series")
"""The kinds whose rows are filled up with 0 to the longest one."""


class Padded(NamedTuple):
    """Rows of unequal lengths as one array."""

    values: np.ndarray
    """(rows, longest, ...): 0 beyond a row's own length."""
    lengths: np.ndarray
    """int64 (rows,), at least 1."""


def is_array(dtype: pl.DataType | type[pl.DataType]) -> TypeGuard[pl.Array | pl.List]:
    """Whether cells of this type are arrays of numbers."""
    import polars as pl

    return isinstance(dtype, pl.Array | pl.List) and _leaf(dtype).is_numeric()


def _leaf(dtype: Any) -> pl.DataType:
    import polars as pl

    while isinstance(dtype, pl.Array | pl.List):
        dtype = dtype.inner
    found: pl.DataType = dtype
    return found


def holds_bytes(dtype: pl.DataType) -> bool:
    """Whether the numbers are bytes, from 0 to 255."""
    import polars as pl

    return _leaf(dtype) == pl.UInt8


def settled(dtype: pl.DataType) -> pl.DataType | None:
    """The type that a table keeps such cells in; None when they aren't arrays of numbers.

    Bytes stay bytes, and 32-bit fractions as they are; other numbers become Int64 or Float64.
    """
    import polars as pl

    if not is_array(dtype):
        return None
    leaf = _leaf(dtype)
    if leaf not in (pl.UInt8, pl.Float32):
        leaf = pl.Int64() if leaf.is_integer() and leaf not in (pl.UInt64, pl.Int128) else pl.Float64()
    return _with_leaf(dtype, leaf)


def _with_leaf(dtype: Any, leaf: pl.DataType) -> pl.DataType:
    import polars as pl

    if isinstance(dtype, pl.Array):
        return pl.Array(_with_leaf(_inside(dtype), leaf), dtype.shape)
    if isinstance(dtype, pl.List):
        return pl.List(_with_leaf(dtype.inner, leaf))
    return leaf


def _inside(dtype: pl.Array) -> Any:
    """What stands below all the dimensions of an Array."""
    import polars as pl

    inner: Any = dtype
    while isinstance(inner, pl.Array):
        inner = inner.inner
    return inner


def role_of(dtype: pl.DataType) -> Role:
    """The role of a column of arrays, known by its shape alone: two or three dimensions are an image."""
    import polars as pl

    return "image" if isinstance(dtype, pl.Array) and len(dtype.shape) > 1 else "series"


def spelled(dtype: pl.DataType) -> str:
    """The type as one line of text: `Array(UInt8, 28, 28)`, `List(Float64)`, `List(Array(Float32, 12))`."""
    import polars as pl

    if isinstance(dtype, pl.Array):
        return f"Array({spelled(_inside(dtype))}, {', '.join(map(str, dtype.shape))})"
    if isinstance(dtype, pl.List):
        inner: Any = dtype.inner
        return f"List({spelled(inner)})"
    return str(dtype.base_type())


def is_spelled(text: str) -> bool:
    """Whether this is how `spelled` writes a type of arrays."""
    return text.startswith(("Array(", "List("))


def parsed(text: str) -> pl.DataType:
    """The type that `spelled` wrote."""
    import polars as pl

    if text.startswith("List("):
        return pl.List(parsed(text[5:-1]))
    if text.startswith("Array("):
        inner, *shape = _parts(text[6:-1])
        return pl.Array(parsed(inner), tuple(int(size) for size in shape))
    found: pl.DataType = getattr(pl, text)()
    return found


def _parts(text: str) -> list[str]:
    """What the commas outside all brackets separate."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def in_words(text: str) -> str:
    """What a cell of this type is, for a reader: `28 x 28 numbers, as lists in a list`."""
    import polars as pl

    dtype = parsed(text)
    leaf = _leaf(dtype)
    numbers = {"UInt8": "numbers from 0 to 255", "Int64": "whole numbers"}.get(str(leaf), "numbers")
    if not isinstance(dtype, pl.Array):
        return f"a list of {'lists of ' if len(_shape(dtype)) > 1 else ''}{numbers}"
    shape = " x ".join(map(str, dtype.shape))
    return f"{shape} {numbers}, as {'lists in a list' if len(dtype.shape) > 1 else 'a list'}"


def from_cells(given: pl.Series, text: str) -> pl.Series:
    """Cells as JSON, pandas and CSV carry them, in this type; null where a cell can't be of it."""
    import polars as pl

    dtype = parsed(text)
    if given.dtype == dtype:
        return given
    cells = [_as_cell(cell, dtype) for cell in given]
    if isinstance(dtype, pl.Array) and cells and all(cell is not None for cell in cells):
        return pl.Series(given.name, np.stack(cells)).cast(dtype)  # type: ignore[arg-type]
    return pl.Series(given.name, [None if cell is None else cell.tolist() for cell in cells], dtype=dtype)


def _as_cell(cell: Any, dtype: Any) -> np.ndarray | None:
    """One cell as an array of the type's numbers; None where it isn't one."""
    import polars as pl

    found = numbers_in(cell)
    if found is None:
        return None
    leaf = _leaf(dtype)
    if leaf.is_integer() and (not np.isfinite(found).all() or (found != np.round(found)).any()):
        return None
    if leaf == pl.UInt8 and ((found < 0) | (found > 255)).any():
        return None
    wanted = _shape(dtype)
    if len(wanted) != found.ndim:
        return None
    if any(size not in (None, there) for size, there in zip(wanted, found.shape, strict=True)):
        return None
    return found.astype(str(leaf).lower())  # polars' names of numbers are NumPy's


def _shape(dtype: Any) -> tuple[int | None, ...]:
    """The sizes of a cell's dimensions; None where cells differ."""
    import polars as pl

    if isinstance(dtype, pl.List):
        return (None, *_shape(dtype.inner))
    if isinstance(dtype, pl.Array):
        return (*dtype.shape, *_shape(_inside(dtype)))
    return ()


def numbers_in(cell: Any) -> np.ndarray | None:
    """The numbers of a cell: nested lists, an array, or either as JSON text. None when it isn't made of numbers."""
    import polars as pl

    try:
        if isinstance(cell, str) and cell.lstrip().startswith("["):
            cell = json.loads(cell)
        if not isinstance(cell, list | tuple | np.ndarray | pl.Series):
            return None
        found = np.asarray(_plain(cell), dtype=np.float64)
    except (TypeError, ValueError, RecursionError):
        return None
    return found if found.ndim else None


def _plain(cell: Any) -> Any:
    """Nested lists for arrays that hold arrays, which is what pandas makes of them."""
    import polars as pl

    if isinstance(cell, pl.Series):
        return cell.to_list()
    if isinstance(cell, np.ndarray) and cell.dtype != object:
        return cell
    return [_plain(part) for part in cell] if isinstance(cell, list | tuple | np.ndarray) else cell


def image_cells(given: pl.Series, text: str) -> pl.Series:
    """Cells of an image column as a request brings them: a path, an encoded image, its bytes, or its numbers.

    What the model was trained from decides nothing but the type of the numbers: `load_image` reads all of these.
    """
    import base64

    import polars as pl

    if given.dtype in (pl.String, pl.Binary):
        return given.set(given == "", None) if given.dtype == pl.String else given
    cells = list(given)
    if any(isinstance(cell, str | bytes) for cell in cells):
        words = [base64.b64encode(cell).decode() if isinstance(cell, bytes) else cell for cell in cells]
        return pl.Series(given.name, [word if isinstance(word, str) else None for word in words], dtype=pl.String)
    if is_spelled(text):
        made = from_cells(given, text)
        if made.null_count() == given.null_count():
            return made
    try:
        rows = [None if (found := numbers_in(cell)) is None else found.tolist() for cell in cells]
        return pl.Series(given.name, rows, strict=False)
    except (TypeError, pl.exceptions.PolarsError):
        return pl.Series(given.name, [None] * len(cells), dtype=pl.String)


# From finished columns to blocks.


def images(columns: Sequence[pl.Series]) -> np.ndarray:
    """Image columns without missing cells, their channels one after the other: (rows, channels, height, width).

    Bytes stay bytes where all columns hold bytes; otherwise they become fractions from 0 to 1, float32.
    """
    whole = all(holds_bytes(column.dtype) for column in columns)
    made = []
    for column in columns:
        found = column.to_numpy()  # (rows, *shape)
        if found.ndim == 3:
            found = found[:, None]
        made.append(found / 255 if not whole and holds_bytes(column.dtype) else found)
    stacked = np.concatenate(made, axis=1) if len(made) > 1 else made[0]
    return np.require(stacked, np.uint8 if whole else np.float32, ["C", "W"])  # torch warns of others


def image_block_shape(dtypes: Sequence[pl.DataType]) -> tuple[int, int, int] | None:
    """Channels of all columns, height and width; None when they aren't all of one size."""
    shapes = [image_shape(dtype) for dtype in dtypes]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes) or len({shape[1:] for shape in known}) != 1:
        return None
    return sum(shape[0] for shape in known), *known[0][1:]


def image_shape(dtype: pl.DataType) -> tuple[int, int, int] | None:
    """Channels, height and width of a column of images; None when they aren't alike."""
    import polars as pl

    if not isinstance(dtype, pl.Array) or len(dtype.shape) not in (2, 3) or isinstance(_inside(dtype), pl.List):
        return None
    channels, height, width = (1, *dtype.shape) if len(dtype.shape) == 2 else dtype.shape
    return channels, height, width


def tokens(column: pl.Series) -> Padded:
    """A column of tokens without missing cells as int64 (rows, longest), 0 beyond a row's end."""
    return _padded(column, np.dtype(np.int64))


def series(columns: Sequence[pl.Series], location: str, rows: np.ndarray) -> Padded:
    """Columns of series without missing cells, side by side as channels: float32 (rows, longest, channels).

    Args:
        columns: In the order of the channels; one with several values at each time makes as many channels.
        location: What errors call the rows.
        rows: Each row's number in the source, from 0.

    Raises:
        DataError: the columns of a row are not equally long; the row is named.
    """
    made = [_padded(column, np.dtype(np.float32)) for column in columns]
    first = made[0]
    for column, other in zip(columns[1:], made[1:], strict=True):
        if (apart := np.flatnonzero(first.lengths != other.lengths)).size:
            row = int(apart[0])
            raise DataError(
                Problem(
                    f"the series of a row are equally long: this one has {other.lengths[row]} values, "
                    f"'{columns[0].name}' has {first.lengths[row]}",
                    file=location,
                    row=int(rows[row]) + 1,
                    field=column.name,
                    suggestion="Cut or fill one of them, or leave it out with data.columns.",
                )
            )
    values = [part.values[..., None] if part.values.ndim == 2 else part.values for part in made]
    return Padded(np.concatenate(values, axis=2) if len(values) > 1 else values[0], first.lengths)


def _padded(column: pl.Series, dtype: np.dtype[Any]) -> Padded:
    import polars as pl

    if isinstance(column.dtype, pl.Array):
        values = np.require(column.to_numpy(), dtype, ["C", "W"])  # (rows, length) or (rows, length, channels)
        return Padded(values, np.full(len(column), values.shape[1], dtype=np.int64))
    lengths = column.list.len().to_numpy().astype(np.int64)
    longest = max(1, int(lengths.max(initial=0)))
    flat = column.explode(empty_as_null=False) if len(column) else column.explode()
    if isinstance(flat.dtype, pl.List):  # channels, as many at each time
        width = int(flat.list.len().max() or 1)  # type: ignore[arg-type]
        flat = flat.cast(pl.Array(_leaf(flat.dtype), width))
    numbers = flat.to_numpy()
    values = np.zeros((len(column), longest, *numbers.shape[1:]), dtype=dtype)
    values[np.arange(longest) < lengths[:, None]] = numbers
    return Padded(values, np.maximum(lengths, 1))


def holes(column: pl.Series) -> np.ndarray:
    """Which rows of an array column are missing, or hold a value that is missing or not finite; bool (rows,)."""
    import polars as pl

    found: np.ndarray = column.is_null().to_numpy().copy()
    whole = column.drop_nulls()
    leaf = _leaf(column.dtype)
    if leaf.is_integer() and not isinstance(column.dtype, pl.List):
        return found
    if isinstance(column.dtype, pl.Array):
        numbers = whole.to_numpy().astype(np.float64, copy=False)
        found[~found] = ~np.isfinite(numbers.reshape(len(whole), math.prod(numbers.shape[1:]))).all(axis=1)
        return found
    if not len(whole):
        return found
    rows = np.repeat(np.arange(len(whole)), whole.list.len().to_numpy())
    flat = whole.explode(empty_as_null=False)
    while isinstance(flat.dtype, pl.List | pl.Array):
        inner = flat.list.len() if isinstance(flat.dtype, pl.List) else pl.Series([flat.dtype.shape[0]] * len(flat))
        rows = np.repeat(rows, inner.to_numpy())
        flat = flat.explode()
    strange = ~np.isfinite(flat.cast(pl.Float64).to_numpy())
    marks = np.zeros(len(whole), dtype=bool)
    marks[rows[strange]] = True
    found[~found] = marks
    return found


def cut_to_longest(blocks: tuple[Any, ...], kinds: Sequence[str]) -> tuple[Any, ...]:
    """A batch's blocks with the padding beyond its own longest row cut off; as they are where lengths aren't known."""
    if LENGTHS not in kinds or not len(blocks[0]):
        return blocks
    longest = int(blocks[list(kinds).index(LENGTHS)].max())
    return tuple(
        block[:, :longest] if kind in PADDED and block.ndim > 1 and block.shape[1] else block
        for kind, block in zip(kinds, blocks, strict=True)
    )
