"""Noise on the inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import PositiveFloat

from recipeline import Problem, RecipeError, Regularization

if TYPE_CHECKING:
    import torch


class Noise(Regularization, name="noise"):
    """Adds normal noise to the inputs of each training batch: the answer should not hang on the last digit.

        x = x + std · n        n ~ Normal(0, 1), for every number anew

    For small `std` it acts like a penalty on the answer's slope in the inputs (Bishop 1995, Training with Noise Is
    Equivalent to Tikhonov Regularization); on a linear model with `mse` it is `l2` of weight std². The inputs should
    be of one size, as `standardize` makes them. Columns of 0 and 1 get noise too; category codes don't.
    """

    example = """
        preprocessing:
          - {type: impute, columns: all}
          - {type: standardize, columns: numeric}
          - {type: one_hot, columns: categorical}
        regularization:
          - {type: noise, std: 0.05}
    """

    std: PositiveFloat = 0.1
    """Standard deviation, in the unit of the inputs after preprocessing."""

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Add noise to the numbers."""
        import torch

        if not any(x.numel() and x.is_floating_point() for x in inputs):
            raise RecipeError(
                Problem(
                    "'noise' found nothing to act on: no input is a number",
                    path="regularization",
                    suggestion="Remove 'noise', or turn categories into columns with 'one_hot'.",
                )
            )
        return tuple(x + self.std * torch.randn_like(x) if x.is_floating_point() else x for x in inputs), target
