"""The network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from recipeline.errors import Problem, RecipeError
from recipeline.families.plugin import Plugin
from recipeline.families.spec import InputSpec, TargetSpec, Task

if TYPE_CHECKING:
    import torch
    from torch import nn

    from recipeline.families.regularization import Regularization


class Architecture(Plugin, family="architecture"):
    """Builds the network for the inputs at hand."""

    accepts: ClassVar[tuple[str, ...]] = ("numeric",)
    """The kinds of block it takes, in the order in which `forward` takes their tensors.

    With ("numeric",) a table's columns arrive as one float32 tensor (batch, features). With
    ("numeric", "categorical") coded columns come apart as int64 (batch, columns); a kind that the data lacks
    arrives with no columns.

    Columns of arrays make blocks of their own: ("image",) is float32 (batch, channels, height, width), from 0 to 1
    where the images hold bytes; several columns of images stand there one after the other, as channels.
    ("tokens", "lengths") is int64 (batch, longest), filled up with 0 beyond each row's own length, int64 (batch,).
    ("series", "lengths") is float32 (batch, longest, channels). `longest` is that of the batch: what a row gives must
    not depend on it. Without "lengths" all rows must be equally long.
    """

    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset(
        {"regression", "binary", "multiclass", "multilabel", "forecasting"}
    )
    """The tasks that it is made for. One that has `build_sequence` adds `sequence`."""

    @abstractmethod
    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """A module whose `forward(*blocks)` returns (batch, outputs): logits, or values for a regression.

        Tensors that it makes on the way take the dtype and the device of what arrives: a table is answered in
        float64, so that a row gets the same answer alone as among others, and training may use bfloat16.

        A module of it that adds branches to its input may name the children that compute them, as
        `residual_branches = ("branch",)`, so that `stochastic_depth` finds them.
        """

    def build_for(self, inputs: InputSpec, outputs: int, target: TargetSpec) -> nn.Module:
        """As `build`, for one that has to know what the outputs mean."""
        return self.build(inputs, outputs)

    def plain(self) -> tuple[Architecture, Sequence[Regularization]]:
        """What builds a network of the same layers where the model serves, and what rewrites it first.

        By default this architecture itself. One that starts from an earlier model names that model's, so that what
        it has trained needs the earlier one no more.
        """
        return self, ()

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        """A module whose `forward(*blocks, before)` returns the logits of a sequence: (batch, steps, target.outputs).

        `before` is int64 (batch, steps): at each step the token before it, the code of the beginning at the first. The
        logits of a step may depend on `before` up to that step and not beyond, so that all steps of a known target
        are learnt at once. One that is also `StepByStep` answers much faster.
        """
        raise RecipeError(
            Problem(
                f"the architecture '{self.plugin_name}' gives one answer a row, no sequence",
                path="architecture",
                suggestion="Take one that does, such as 'transformer'.",
            )
        )


@runtime_checkable
class StepByStep(Protocol):
    """A network for sequences that goes on from where it was, instead of reading everything again for each token."""

    def begin(self, *blocks: torch.Tensor) -> Any:
        """Read the inputs. What is returned is handed to every `step`, which may change it."""

    def step(self, memory: Any, before: torch.Tensor) -> torch.Tensor:
        """The logits (batch, outputs) of the next token, given the one before it, int64 (batch,)."""
