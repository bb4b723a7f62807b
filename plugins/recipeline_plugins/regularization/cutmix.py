"""Training on images and series with a piece of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import PositiveFloat

from recipeline import Problem, RecipeError, Regularization

if TYPE_CHECKING:
    import torch


class CutMix(Regularization, name="cutmix"):
    """Puts a piece of another row's image or series into each one, and mixes the targets by the area.

        r ~ Beta(alpha, alpha); a box of a share 1 - r of the area, at a random place, comes from the other row
        y = r y + (1 - r) y'        r: the share that is really left, the box cut off at the edges

    For inputs whose numbers have places: images (batch, channels, height, width) and series of one length (batch,
    length, channels). The columns of a table have none, and are refused: `mixup` is for them. Classes become
    shares, so the loss must take them. Yun et al. 2019, CutMix: Regularization Strategy to Train Strong Classifiers.
    """

    example = """
        data:
          source: {type: image_folder, path: animals}
          target: label
        preprocessing:
          - {type: load_image, size: [64, 64]}
          - normalize_image
        architecture: resnet
        regularization: [cutmix]
    """

    soft_targets: ClassVar[bool] = True
    spatial: ClassVar[bool] = True

    alpha: PositiveFloat = 1.0
    """How the share is drawn: 1 takes every size alike, less mostly very small or very large pieces."""

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Put a piece of another row into each one."""
        import torch

        from recipeline_plugins.regularization.cutmix_box import box
        from recipeline_plugins.regularization.mixing import share_for

        # A kind of input that the data lacks arrives without columns.
        filled = [place for place, block in enumerate(inputs) if block.numel()]
        if len(filled) != 1 or inputs[filled[0]].ndim < 3:
            raise RecipeError(
                Problem(
                    "'cutmix' cuts pieces out of images or series, and the columns of a table have no places",
                    path="regularization",
                    found=f"inputs of the shape {', '.join(str(tuple(x.shape[1:])) for x in inputs)}",
                    suggestion="Take 'mixup', or remove 'cutmix'.",
                )
            )
        x = inputs[filled[0]]
        image = x.ndim > 3
        place, left = box(tuple(x.shape[2:] if image else x.shape[1:2]), share_for(self.alpha))
        order = torch.randperm(len(target), device=target.device)
        mixed = x.clone()
        piece: tuple[slice, ...] = (slice(None), slice(None), *place) if image else (slice(None), *place)
        mixed[piece] = x[order][piece]
        blocks = tuple(mixed if number == filled[0] else block for number, block in enumerate(inputs))
        return blocks, torch.lerp(target[order], target, left)
