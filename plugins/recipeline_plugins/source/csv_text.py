"""A CSV file as UTF-8: itself, or a copy that is unpacked and decoded."""

from __future__ import annotations

import codecs
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from recipeline import DataError, Problem

PACKED = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\xfd7zXZ": "packed with xz",
    b"BZh": "packed with bzip2",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"PAR1": "a Parquet file",
}
"""Files that are no CSV, by their first bytes."""

GZIP = b"\x1f\x8b"


def as_utf8(file: Path, encoding: str, copy_at: Callable[[], Path]) -> Path:
    """The file itself where it is UTF-8 already, else a copy that is.

    Args:
        file: Perhaps packed with gzip.
        encoding: How its letters are written as bytes.
        copy_at: Says where a copy may stand; asked only where one is needed.

    Raises:
        DataError: the file is no CSV, can't be unpacked, or is not in this encoding.
    """
    with file.open("rb") as stream:
        start = stream.read(8)
    for magic, what in PACKED.items():
        if start.startswith(magic):
            raise DataError(
                Problem(
                    "this is no CSV file",
                    file=str(file),
                    found=what,
                    suggestion="Unpack it, or save it as CSV; Parquet has a source of its own: parquet.",
                )
            )
    if encoding == "utf-8" and start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(Problem("the file is UTF-16", file=str(file), suggestion="Set encoding: utf-16."))
    packed = start.startswith(GZIP)
    if not packed and encoding == "utf-8":
        return file
    copy = copy_at()
    try:
        with gzip.open(file, "rb") if packed else file.open("rb") as source, copy.open("wb") as target:
            if encoding == "utf-8":
                shutil.copyfileobj(source, target, 1024**2)
            else:
                _decode(cast("IO[bytes]", source), encoding, target)
    except UnicodeError as error:
        raise DataError(
            Problem(f"the file is not {encoding}: {error}", file=str(file), suggestion="Try encoding: latin-1.")
        ) from error
    except (OSError, EOFError) as error:
        raise DataError(Problem(f"the file can't be unpacked: {error}", file=str(file))) from error
    return copy


def _decode(source: IO[bytes], encoding: str, target: IO[bytes]) -> None:
    reader = codecs.getreader(encoding)(source)
    while text := reader.read(1024**2):
        target.write(text.encode("utf-8"))
