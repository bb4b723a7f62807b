"""`training.compile`: the network compiled by torch, in place, and what can be in the way of that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from recipeline.errors import EnvironmentFault, Problem

_COMPILERS = ("g++", "clang++", "c++")


def compile_network(network: nn.Module, *, on_cpu: bool) -> None:
    """Have the network compiled when it is first called. Its weights keep their names.

    Only the network: Lightning's module around it logs, which can't be compiled.

    Raises:
        EnvironmentFault: there is no C++ compiler, which torch needs on a CPU.
    """
    wanted = [name for name in (os.environ.get("CXX"), *_COMPILERS) if name]
    if on_cpu and not any(shutil.which(name) for name in wanted):
        raise EnvironmentFault(
            Problem(
                "torch compiles networks with a C++ compiler, and there is none",
                path="training.compile",
                found=f"none of {', '.join(wanted)}",
                suggestion="Install one (for example: apt install g++), or leave training.compile out.",
            )
        )
    network.compile()


@contextmanager
def told() -> Iterator[None]:
    """What torch can't compile becomes an error in words."""
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise EnvironmentFault(
            Problem(
                "torch can't compile this network here",
                path="training.compile",
                found=reason[:300],
                suggestion="Leave training.compile out: the network trains without, with the same results.",
            )
        ) from error
