"""Any optimizer of the package pytorch_optimizer, by its name there."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import Field

from recipeline import MissingExtra, Optimizer, Problem, RecipeError

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

Value = bool | int | float | str | None


class PytorchOptimizer(Optimizer, name="pytorch_optimizer"):
    """One of the more than a hundred optimizers of the package pytorch_optimizer, by its name there.

    Kim 2022, pytorch_optimizer (github.com/kozistr/pytorch_optimizer), where each one's formula and paper are listed.
    Install it with: pip install 'recipeline[optimizers]'. Its wrappers around other optimizers, and what takes the
    model or evaluates the loss several times a step, can't be named here.
    """

    example = "optimizer: {type: pytorch_optimizer, optimizer: ademamix, lr: 0.001, settings: {weight_decay: 0.01}}"

    optimizer: str = Field(default="ademamix", min_length=1)
    """The name there: ademamix, adopt, came, lamb, madgrad, prodigy, sophiah, tiger, ..."""
    settings: dict[str, Value | list[Value]] = Field(default={})
    """Its other settings, by their names there."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The optimizer over these parameters.

        Raises:
            MissingExtra: the package is not installed.
            RecipeError: it has no such optimizer, or that one no such setting.
        """
        try:
            import pytorch_optimizer as package
        except ImportError as error:
            raise MissingExtra("the optimizer 'pytorch_optimizer'", "pytorch_optimizer", "optimizers") from error
        try:
            cls: Any = package.load_optimizer(self.optimizer)
        except (NotImplementedError, ValueError, KeyError) as error:
            names = package.get_supported_optimizers()
            near = get_close_matches(self.optimizer.lower(), names, n=5) or names[:12]
            raise RecipeError(
                Problem(
                    "pytorch_optimizer has no optimizer of this name",
                    path="optimizer.optimizer",
                    found=repr(self.optimizer),
                    suggestion=f"It has {len(names)}: {', '.join(near)}, ...",
                )
            ) from error
        settings = {key: tuple(v) if isinstance(v, list) else v for key, v in self.settings.items()}
        try:
            built: TorchOptimizer = cls(parameters, lr=self.lr, **settings)
        except (TypeError, ValueError) as error:
            raise RecipeError(
                Problem(
                    f"pytorch_optimizer's '{self.optimizer}' can't be made so: {error}",
                    path="optimizer.settings",
                    suggestion="See its parameters at pytorch-optimizers.readthedocs.io.",
                )
            ) from error
        return built
