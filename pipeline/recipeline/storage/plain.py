"""Read a file that a stranger may have put there: a plain one, no link, no pipe, no device, no larger than is right.

JSON in it is taken as one text of UTF-8 in which no key stands twice and every number is finite.
"""

from __future__ import annotations

import errno
import io
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def open_plain(path: Path) -> io.BufferedReader:
    """The file, opened for reading, if it is one itself.

    Raises:
        OSError: it is a link, a folder, a pipe or a device; or it can't be opened.
    """
    # A pipe that nobody writes to would be waited for; links are followed by no other name than this one.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:  # a NUL in the name
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, "it is a link, not a file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return os.fdopen(handle, "rb")


def read_plain(path: Path, most: int | None = None) -> bytes:
    """The file's bytes.

    Raises:
        OSError: as `open_plain`, or it has more than `most` bytes.
    """
    with open_plain(path) as file:
        content = file.read(-1 if most is None else most + 1)
    if most is not None and len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content


def strict_json(content: bytes) -> Any:
    """What a JSON document says.

    Raises:
        ValueError: it is none, says something twice, or holds a number that is not finite or half a character.
        RecursionError: it is nested too deeply.
    """
    value = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_not_finite)
    if _HALF_PAIR.search(content):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {ascii(twice)[:60]} stands twice")
    return found


def _not_finite(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")
