"""When two tables are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def equal(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    """Same columns, types and values; null equals null and NaN equals NaN."""
    return left.schema == right.schema and left.equals(right, null_equal=True)


def close(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    """As `equal`, but for the last digits of fractions.

    polars multiplies a long column by the reciprocal where it divides a single value, which moves the last bit.
    """
    from polars.testing import assert_frame_equal

    try:
        assert_frame_equal(left, right, rel_tol=1e-6, abs_tol=1e-9)
    except AssertionError:
        return False
    return True
