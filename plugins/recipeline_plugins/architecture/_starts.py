"""The names of what weights start from, as in torch.nn.init, for the architectures' settings."""

from __future__ import annotations

from typing import Literal

NamedStart = Literal[
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "lecun_normal",
    "orthogonal",
    "trunc_normal",
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
]
"""glorot is another name for xavier, he one for kaiming."""

Start = Literal["auto", NamedStart]
"""One of them, or what the architecture does by itself."""
