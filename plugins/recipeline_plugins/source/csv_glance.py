"""A first look at the bytes of a CSV file: enough where nothing is odd, and several times as quick as a thorough one.

It counts lines and cells over the whole file and not by row: as polars refuses a row that is too long, a row that is
too short leaves cells lacking in the sum.
"""

from __future__ import annotations

import codecs
from typing import BinaryIO

from recipeline_plugins.source.csv_structure import BLOCK_BYTES, BOM, NEWLINE, Head, Structure, leading_zeros

BEHIND = 3
"""Bytes before a block that are looked at once more: what a cell begins with may stand in two blocks."""


def glance(file: BinaryIO, head: Head, quote: str | None, header: bool) -> Structure | None:
    """What the bytes say of a file whose rows polars has found not to be too long; None where it takes a closer look.

    That is where cells are quoted or lacking, a line is blank, a number has a leading zero, or a byte is of no letter.

    Args:
        file: Opened at its start.
        head: From `read_head`.
        quote: The quoting character, if cells may be quoted.
        header: Whether the first record holds names.
    """
    import numpy as np

    if len(head.names) < 2:  # a blank line lacks no separator then
        return None
    separator = ord(head.separator)
    block = bytearray(BEHIND + BLOCK_BYTES)
    view, numbers = memoryview(block), np.frombuffer(block, dtype=np.uint8)
    block[:BEHIND] = b"\n" * BEHIND
    decoder = codecs.getincrementaldecoder("utf-8")()
    lines = cuts = 0
    ended = True
    if file.read(len(BOM)) != BOM:
        file.seek(0)
    while size := file.readinto(view[BEHIND:]):  # type: ignore[attr-defined]
        end = BEHIND + size
        if block.find(b"\0", BEHIND, end) >= 0 or (quote is not None and block.find(quote.encode(), BEHIND, end) >= 0):
            return None
        data = numbers[BEHIND:end]
        if data.max() > 127 or decoder.getstate()[0]:
            try:
                decoder.decode(bytes(view[BEHIND:end]))
            except UnicodeDecodeError:
                return None
        if leading_zeros(numbers[:end], separator, None if quote is None else ord(quote)):
            return None
        lines += int(np.count_nonzero(data == NEWLINE))
        cuts += int(np.count_nonzero(data == separator))
        ended = data[-1] == NEWLINE
        block[:BEHIND] = block[end - BEHIND : end]
    records = lines - head.blank_lines + (not ended)
    if decoder.getstate()[0] or cuts != records * (len(head.names) - 1):
        return None
    return Structure(rows=records - header)
