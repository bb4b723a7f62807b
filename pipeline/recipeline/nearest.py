"""The names that were probably meant by a misspelled one."""

from __future__ import annotations

from collections.abc import Iterable

_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_PLACES = {key: (row, place) for row, keys in enumerate(_ROWS) for place, key in enumerate(keys)}
_SLIP = 0.8
"""What a typical slip costs - two letters swapped, one doubled, the key beside the right one; any other costs 1."""


def nearest(word: str, names: Iterable[str], *, limit: int = 2) -> list[str]:
    """The names nearest to `word`: one, or up to `limit` that are equally near; none when all are far.

    Upper and lower case, hyphen and underscore count as the same, and so does a space.
    """
    plain = _plain(word)
    if not plain or len(plain) > 60:
        return []
    allowed = 1.0 if len(plain) < 5 else 2.0 if len(plain) < 9 else 3.0
    found = sorted((distance(plain, _plain(name)), name) for name in set(names) if name != word)
    found = [(far, name) for far, name in found if far <= allowed and far <= max(len(name), len(word)) / 2]
    return [name for far, name in found if far - found[0][0] < 0.05][:limit]


def did_you_mean(word: str, names: Iterable[str]) -> str | None:
    """`Did you mean 'weight'?` or None when nothing is near."""
    close = nearest(word, names)
    return f"Did you mean {' or '.join(repr(name) for name in close)}?" if close else None


def distance(a: str, b: str) -> float:
    """Edit distance with insertion, removal, replacement and the swap of two neighbours; typical slips cost less.

    Damerau 1964, A Technique for Computer Detection and Correction of Spelling Errors; the restricted form, in which
    no part is edited twice.
    """
    if abs(len(a) - len(b)) > 4:
        return float(max(len(a), len(b)))
    before: list[float] = []
    last = [float(j) for j in range(len(b) + 1)]
    for i, x in enumerate(a, 1):
        row = [float(i)]
        for j, y in enumerate(b, 1):
            doubled = i > 1 and x == a[i - 2]
            best = min(
                last[j] + (_SLIP if doubled else 1.0),
                row[j - 1] + (_SLIP if j > 1 and y == b[j - 2] else 1.0),
                last[j - 1] + (0.0 if x == y else _SLIP if _beside(x, y) else 1.0),
            )
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                best = min(best, before[j - 2] + _SLIP)
            row.append(best)
        before, last = last, row
    return last[-1]


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")


def _beside(x: str, y: str) -> bool:
    """Whether two keys touch on the keyboard."""
    if x not in _PLACES or y not in _PLACES:
        return False
    (row, place), (other_row, other_place) = _PLACES[x], _PLACES[y]
    return abs(row - other_row) <= 1 and abs(place - other_place) <= 1
