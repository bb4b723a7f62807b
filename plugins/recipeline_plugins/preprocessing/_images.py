"""Images from files, bytes, base64 or numbers, as arrays of one size and one number of channels."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recipeline import DataError, Problem

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is read: formats whose decoders run no other program."""

LONGEST_PATH = 4096


def opened(cell: str | bytes, row: int, column: str) -> Image.Image:
    """The image behind a path, its bytes, or its bytes in base64; read from the file when it is used.

    Raises:
        DataError: there is no such file, or it is no image.
    """
    from PIL import Image, UnidentifiedImageError

    encoded = None if isinstance(cell, bytes) else _decoded(cell)
    content = cell if isinstance(cell, bytes) else encoded
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content) if content is not None else str(cell), formats=FORMATS)
    except (UnidentifiedImageError, Image.DecompressionBombWarning, Image.DecompressionBombError, OSError) as error:
        missing = content is None and not Path(str(cell)).is_file()
        name = None if content is not None else str(cell)
        raise _wrong(error, name, row, column, missing=missing) from error


def _decoded(text: str) -> bytes | None:
    """The bytes of an image in base64 (also as a `data:` address); None when this is a path."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    elif len(text) < 64 or (len(text) < LONGEST_PATH and Path(text).suffix.lower() in (".png", ".jpg", ".jpeg")):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _wrong(error: Exception, path: str | None, row: int, column: str, *, missing: bool = False) -> DataError:
    reason = "there is no such file" if missing else "this is no image that can be read"
    return DataError(
        Problem(
            reason,
            file=path,
            row=row + 1,
            field=column,
            found=None if missing else " ".join(str(error).partition(" <_io")[0].split())[:200],
            suggestion="Send a path that this machine can read, or the image's bytes in base64."
            if missing
            else f"It must be whole, and one of: {', '.join(FORMATS)}.",
        )
    )


def pixels(image: Image.Image, channels: int, row: int, column: str, path: str | None) -> Image.Image:
    """The image upright, in gray (1) or colours (3).

    Raises:
        DataError: the file is cut off or damaged.
    """
    from PIL import Image, ImageOps

    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):  # 16 bits a pixel, of which the upper 8 are kept
            upright = Image.fromarray((np.asarray(upright).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
        return upright.convert("L" if channels == 1 else "RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise _wrong(error, path, row, column) from error


def resized(image: Image.Image, height: int, width: int, aspect: str) -> Image.Image:
    """The image at this size: stretched, cropped around its middle, or padded with black."""
    from PIL import Image, ImageOps

    if image.size == (width, height):
        return image
    if aspect == "crop":
        return ImageOps.fit(image, (width, height), method=Image.Resampling.BILINEAR)
    if aspect == "pad":
        return ImageOps.pad(image, (width, height), method=Image.Resampling.BILINEAR)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def as_planes(numbers: np.ndarray) -> np.ndarray | None:
    """Numbers of an image as (channels, height, width); None when they are none.

    Two dimensions are a gray image. Of three the first counts the channels if it is 1, 3 or 4, or else the last.
    """
    if numbers.ndim == 2:
        return numbers[None]
    if numbers.ndim != 3:
        return None
    if numbers.shape[0] in (1, 3, 4):
        return numbers
    return np.moveaxis(numbers, -1, 0) if numbers.shape[-1] in (1, 3, 4) else None


def planes_to(numbers: np.ndarray, channels: int, height: int, width: int, aspect: str) -> np.ndarray:
    """(channels, height, width) with these channels, at this size; bytes stay bytes."""
    from PIL import Image

    if len(numbers) == 4:
        numbers = numbers[:3]  # without transparency
    if channels == 1 and len(numbers) == 3:
        gray = np.tensordot(np.array([0.299, 0.587, 0.114]), numbers.astype(np.float64), axes=1)[None]
        numbers = np.round(gray).astype(np.uint8) if numbers.dtype == np.uint8 else gray.astype(np.float32)
    elif channels == 3 and len(numbers) == 1:
        numbers = np.repeat(numbers, 3, axis=0)
    if numbers.shape[1:] == (height, width):
        return numbers
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in numbers]
    return np.stack([np.asarray(resized(plane, height, width, aspect)) for plane in planes])


def cell_numbers(cell: Any, floats: bool) -> np.ndarray | None:
    """A cell's numbers as (channels, height, width), float32 or bytes; None when they can't be."""
    try:
        numbers = as_planes(np.asarray(cell, dtype=np.float64))
    except (TypeError, ValueError):
        return None
    if numbers is None or not np.isfinite(numbers).all():
        return None
    if floats:
        return numbers.astype(np.float32)
    whole = np.round(numbers)
    return whole.astype(np.uint8) if (whole == numbers).all() and whole.min() >= 0 and whole.max() <= 255 else None
