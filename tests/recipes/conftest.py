"""Recipes are run in this process, each in a store of its own."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def no_store_left_behind() -> Iterator[None]:
    """MLflow writes a store that a test sets into the environment, where the next test's runs would find it."""
    yield
    import mlflow

    mlflow.set_tracking_uri(None)
