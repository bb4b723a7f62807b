"""The words with which a split's settings are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from recipeline import Split


@pytest.fixture
def refused() -> Callable[[type[Split], dict[str, Any]], str]:
    """The words with which settings are refused."""

    def words(cls: type[Split], settings: dict[str, Any]) -> str:
        with pytest.raises(ValidationError) as caught:
            cls.model_validate(settings)
        return "\n".join(error["msg"] for error in caught.value.errors())

    return words
