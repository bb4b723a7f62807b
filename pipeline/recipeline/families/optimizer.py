"""How a gradient becomes a step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recipeline.families.plugin import Plugin

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

    from recipeline.families.regularization import Proximal


class ParameterGroup(BaseModel):
    """Parameters that have a learning rate of their own, chosen by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    pattern: str = Field(min_length=1)
    """Names of parameters, with `*` for anything: `layers.0.*`. The loss's own parameters begin with `loss.`."""
    lr: float = Field(gt=0)
    """Their learning rate; a schedule multiplies it as it does the others'."""


class Optimizer(Plugin, family="optimizer"):
    """Builds the torch optimizer over the network's parameters."""

    lr: float = Field(default=0.001, gt=0)
    """Learning rate: the size of a step. Too small is slow, too large diverges."""
    groups: list[ParameterGroup] = Field(default=[])
    """Other learning rates for parameters by name; where several patterns fit, the first one counts."""

    needs_closure: ClassVar[bool] = False
    """Whether a step evaluates the loss itself, several times or at other places, as L-BFGS does."""
    second_order: ClassVar[bool] = False
    """Whether it differentiates the gradient again: the closure's loss then still has its graph. Needs a closure."""
    grouped: ClassVar[bool] = True
    """Whether parameters can have rates of their own: not where one step is found for all of them together."""

    @model_validator(mode="after")
    def _one_step_for_all(self) -> Self:
        if self.groups and not self.grouped:
            raise ValueError(
                f"'{self.plugin_name}' finds one step for all parameters together, so none can have a learning rate "
                "of its own: leave groups out"
            )
        return self

    @abstractmethod
    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The optimizer over these parameters, every group's rate `lr`. The engine applies `groups` afterwards."""

    def build_for(self, network: nn.Module, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """As `build`, for an optimizer that has to know where in the network a parameter stands.

        Args:
            network: Where most of the parameters come from; the loss may have some, too.
            parameters: All that are to be trained.
        """
        return self.build(parameters)

    def take_over(self, optimizer: TorchOptimizer, penalty: Sequence[Proximal]) -> bool:
        """Take a penalty into the step, so that it isn't added to the loss.

        Args:
            optimizer: What `build` made.
            penalty: One regularization's penalty, parameter by parameter.

        Returns:
            Whether it did. By default an optimizer knows nothing of penalties, and they stay in the loss.
        """
        return False
