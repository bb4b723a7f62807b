"""What the architectures for sequences have in common: which data they take, and where a row's steps end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from recipeline import InputSpec, Problem, RecipeError

if TYPE_CHECKING:
    import torch

ACCEPTS = ("tokens", "series", "lengths", "numeric", "categorical")
"""Text or series, and a row's plain columns beside: of these, what the data lacks arrives with no columns."""


class ReadsAroundLast(Protocol):
    """The settings of an architecture that can read a series around its last value."""

    @property
    def around_last(self) -> bool:
        """Whether it does."""

    @property
    def own_unit(self) -> bool:
        """Whether it does so in each row's own unit."""


Settings = TypeVar("Settings", bound=ReadsAroundLast)


def unit_of_differences(settings: Settings) -> Settings:
    """The settings, if a unit of differences is set only where there are differences."""
    if settings.own_unit and not settings.around_last:
        raise ValueError("own_unit is the unit of the differences that around_last makes: set around_last: true too")
    return settings


@dataclass(frozen=True, slots=True)
class Sequences:
    """What one row is a sequence of."""

    vocabulary: int
    """Number of tokens, the padding's 0 among them; 0 for series."""
    channels: int
    """Numbers at each time step of a series; 0 for text."""
    longest: int
    """Steps of the longest row that training knows."""
    numeric: int = 0
    """Plain numbers beside the sequence."""
    codes: tuple[int, ...] = ()
    """How many codes each coded column beside the sequence has."""


def sequences(name: str, inputs: InputSpec) -> Sequences:
    """The one column of text or the series that an architecture is to read.

    Args:
        name: The architecture's name, for the error.
        inputs: What the data has.

    Raises:
        RecipeError: there are none, or both.
    """
    tokens, series = inputs.blocks.get("tokens"), inputs.blocks.get("series")
    has_tokens, has_series = bool(tokens and tokens.names), bool(series and series.names)
    if has_tokens and has_series:
        assert tokens is not None
        assert series is not None
        raise RecipeError(
            Problem(
                f"the architecture '{name}' reads text or series, not both at once",
                path="architecture",
                found=", ".join((*tokens.names, *series.names)),
                suggestion="Leave one out with data.columns: {NAME: ignore}.",
            )
        )
    if has_tokens and tokens is not None:
        return Sequences(tokens.cardinalities[0], 0, tokens.shape[0], inputs.numeric, inputs.cardinalities)
    if has_series and series is not None:
        return Sequences(0, series.shape[-1], series.shape[0], inputs.numeric, inputs.cardinalities)
    raise RecipeError(
        Problem(
            f"the architecture '{name}' has no inputs: there is neither text nor a series",
            path="architecture",
            suggestion="Turn a text column into tokens with 'tokenize', or declare a column of lists as a series: "
            "data.columns: {NAME: series}.",
        )
    )


def inside(lengths: torch.Tensor, steps: int) -> torch.Tensor:
    """Which steps belong to each row, bool (batch, steps); the first one always does, of an empty row too."""
    import torch

    places = torch.arange(steps, device=lengths.device)
    return places < lengths.clamp(min=1)[:, None]
