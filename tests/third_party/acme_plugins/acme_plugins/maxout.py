"""The largest of several linear functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from recipeline import Architecture, InputSpec

if TYPE_CHECKING:
    from torch import nn


class Maxout(Architecture, name="maxout"):
    """A hidden layer of units that each take the largest of `pieces` linear functions.

    Goodfellow et al. 2013, Maxout Networks.
    """

    units: int = Field(default=16, ge=1)
    """Width of the hidden layer."""
    pieces: int = Field(default=2, ge=2)
    """Linear functions a unit takes the largest of."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """The network, whose module lives in a file of its own."""
        from .maxout_network import MaxoutNetwork

        return MaxoutNetwork(inputs.numeric, self.units, self.pieces, outputs)
