"""What must be shown to nobody: secrets that are known here are taken out of every text before it leaves the process.

Known are the values that a recipe takes by `${env:NAME}`, settings of the type SecretStr, environment variables whose
names say so (`..._PASSWORD`, `..._TOKEN`, ...), and passwords in the addresses among these. Beside them whatever looks
like a password in an address or in a header is left out, whoever wrote it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from json import dumps
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote

SHORTEST = 6
"""Characters of a secret that is looked for in all texts: a shorter one would be found in the middle of words."""

MASK = "***"

_NAMES = re.compile(
    r"passw|passphrase|secret|token|credential|api_?key|access_?key|account_?key|private_?key|_(pass|pwd)$|(^|_)(pat|dsn)$",
    re.IGNORECASE,
)
# A password may hold signs that it should not, up to the last @; what begins as a port does is none.
_ADDRESS = re.compile(r"(?P<before>://[^\s/?#:@'\"<>]*):(?!\d{1,5}/)(?P<password>(?:(?!://)[^\s'\"<>])+)@")
_QUERY = re.compile(
    r"(?P<before>[?&;](?:[\w-]*(?:token|api_?key|password|secret|signature|credential)[\w-]*|sig)=)[^&;\s'\"<>]+",
    re.IGNORECASE,
)
_HEADER = re.compile(
    r"(?P<before>authorization['\"]?\s*[:=]\s*['\"]?(?:(?:bearer|basic|token)\s+)?|\bbearer\s+(?=[^\s'\"]{20}))[^\s'\",]+",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)

_NAMED = re.compile(r"\$\{env:\w+\}")

_known: dict[str, str] = {}


def remember(secrets: Mapping[str, str]) -> None:
    """From here on these values are hidden from every text.

    Args:
        secrets: Value -> what stands in its place.
    """
    _known.update({value: shown for value, shown in secrets.items() if len(value) >= SHORTEST})


def remember_addresses(text: str) -> None:
    """Hide the passwords in the addresses of a text also where they stand without the address."""
    remember({password: MASK for found in _ADDRESS.finditer(text) for password in _both(found["password"])})


def hide(text: str, more: Mapping[str, str] | None = None) -> str:
    """The text without secrets; `${env:NAME}` stands where the value of a variable stood.

    Args:
        text: Any text.
        more: Further secrets, of any length, with what stands in their place.
    """
    known = {**_known, **_of_environment(), **(more or {})}
    if known:
        # All of them at once: what stands in the place of one may hold another.
        pattern, shown = _search(tuple(known.items()))
        text = pattern.sub(lambda found: shown[found[0]], text)
    if "://" in text:
        text = _ADDRESS.sub(lambda it: it[0] if _is_named(it["password"]) else f"{it['before']}:{MASK}@", text)
    text = _QUERY.sub(rf"\g<before>{MASK}", text) if "=" in text else text
    text = _HEADER.sub(rf"\g<before>{MASK}", text)
    return _PRIVATE_KEY.sub(f"-----PRIVATE KEY {MASK}-----", text) if "PRIVATE KEY" in text else text


@lru_cache(maxsize=8)
def _search(known: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds all of them, also as addresses, JSON and Python write them, and what stands in the place of each."""
    shown: dict[str, str] = {}
    for value, instead in known:
        for form in (value, dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), quote_plus(value)):
            shown.setdefault(form, instead)
    shown.pop("", None)
    return re.compile("|".join(re.escape(form) for form in sorted(shown, key=len, reverse=True)) or r"(?!)"), shown


def reveal(text: str) -> str:
    """The text with the values that recipes have taken from the environment back in their place."""
    given = {shown: value for value, shown in _known.items() if shown.startswith("${env:")}
    return _NAMED.sub(lambda found: given.get(found[0], found[0]), text) if "${" in text else text


def hide_in(value: Any) -> Any:
    """The same JSON-able value, every text in it without secrets."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {hide(key) if isinstance(key, str) else key: hide_in(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hide_in(item) for item in value]
    return value


def incomplete(text: str) -> bool:
    """Whether something was taken out of a text that nobody can put back."""
    return f":{MASK}@" in text or "**********" in text


class Hiding:
    """A stream for people, such as stderr, that writes no secret."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without secrets."""
        self._stream.write(hide(text))
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write lines without secrets."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _of_environment() -> dict[str, str]:
    found = {}
    for name, value in os.environ.items():
        if len(value) >= SHORTEST and names_a_secret(name):
            found[value] = f"${{env:{name}}}"
        elif "://" in value and "@" in value:
            for address in _ADDRESS.finditer(value):
                found |= {password: MASK for password in _both(address["password"]) if len(password) >= SHORTEST}
    return found


@cache
def names_a_secret(name: str) -> bool:
    """Whether a variable or setting of this name is to hold a secret."""
    return _NAMES.search(name) is not None


def _both(password: str) -> tuple[str, ...]:
    """As it stands in an address, and as it is."""
    return () if _is_named(password) else tuple(dict.fromkeys((password, unquote(password))))


def _is_named(password: str) -> bool:
    """Whether only a variable's name stands there, or nothing any more."""
    return password == MASK or (password.startswith("${env:") and password.endswith("}"))
