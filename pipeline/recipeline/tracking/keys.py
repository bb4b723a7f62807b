"""Names and values in the form that MLflow takes."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256

KEY_LENGTH = 250
PARAM_LENGTH = 6000
TAG_LENGTH = 8000
DIGEST_LENGTH = 36
"""MLflow's limits in characters."""

_REFUSED = re.compile(r"[^\w.\- /:]")


@lru_cache(maxsize=4096)
def legal_key(key: str) -> str:
    """The key with `_` for every character that MLflow refuses, and without the path forms that it refuses.

    A key that had to be cut ends with a digest of the whole, so that two long keys stay two.
    """
    clean = "/".join(part for part in _REFUSED.sub("_", key).split("/") if part.strip() not in ("", ".", "..")).strip()
    clean = clean or "_"
    if len(clean) <= KEY_LENGTH:
        return clean
    return f"{clean[: KEY_LENGTH - 13]}-{sha256(key.encode()).hexdigest()[:12]}"


def shortened(text: str, limit: int) -> str:
    """The text, or its beginning with a note of what is missing, so that two long values still differ."""
    if len(text) <= limit:
        return text
    end = f"... ({len(text)} characters, sha256 {sha256(text.encode()).hexdigest()[:16]})"
    return text[: limit - len(end)] + end


def as_param(value: str | int | float | bool) -> str:
    """A param's value as text, as a recipe would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shortened(str(value), PARAM_LENGTH)


def mlflow_type(dtype: str) -> str:
    """MLflow's word for a polars type given by its name, such as `Float64`; other words as they are."""
    if dtype.startswith(("Float", "Decimal")):
        return "double"
    if dtype.startswith(("Int", "UInt")):
        return "long"
    if dtype.startswith(("Date", "Time", "Duration")):
        return "datetime"
    return {"Boolean": "boolean", "Binary": "binary"}.get(dtype, "string" if dtype[:1].isupper() else dtype)
