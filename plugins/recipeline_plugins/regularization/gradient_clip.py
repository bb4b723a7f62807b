"""A limit on the size of gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat

from recipeline import Regularization

if TYPE_CHECKING:
    from pytorch_lightning import Callback


class GradientClip(Regularization, name="gradient_clip"):
    """Limits the gradient before each step, so that one bad batch can't throw the weights far away.

        norm:  g = g · min(1, max / ||g||)       ||g||: the Euclidean norm over all parameters together
        value: each g = min(max, max(-max, g))

    norm keeps the direction, value doesn't. With `adam` a limit on all steps alike changes little: what it cuts is
    the outlier. Pascanu, Mikolov & Bengio 2013, On the Difficulty of Training Recurrent Neural Networks.
    """

    example = """
        regularization:
          - {type: gradient_clip, by: norm, max: 1.0}
    """

    by: Literal["norm", "value"] = "norm"
    """Limit the norm of the whole gradient, or each number of it."""
    max: PositiveFloat = 1.0
    """The largest norm, or the largest absolute value."""

    def callbacks(self) -> list[Callback]:
        """A callback that clips before each optimizer step."""
        from recipeline_plugins.regularization.gradient_clip_callback import ClipGradients

        return [ClipGradients(self.by, self.max)]
