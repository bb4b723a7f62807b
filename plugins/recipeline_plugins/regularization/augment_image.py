"""Training on images that are moved, mirrored, turned and lit a little differently each time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from recipeline import MissingExtra, Problem, RecipeError, Regularization

if TYPE_CHECKING:
    import torch


class AugmentImage(Regularization, name="augment_image"):
    """Moves, mirrors, turns and lights each training image anew in every epoch, so that none can be learnt by heart.

    In this order: a crop of the image's own size out of the image with `crop` more pixels of its edge colour on each
    side; mirrored with a chance of one half if `flip`; turned by an angle from -`rotation` to `rotation` degrees; its
    numbers times a factor from 1 - `light` to 1 + `light`, and one number from -`light` to `light` added to them all.
    Several columns of images are changed as one. Mirror only what means the same mirrored: a 2 doesn't. The validation
    and the test part stay as they are.

    Through kornia, on the device where the batch is, every image on its own. Shorten & Khoshgoftaar 2019, A Survey on
    Image Data Augmentation for Deep Learning; Riba et al. 2020, Kornia.
    """

    example = """
        data:
          source: {type: image_folder, path: animals}
          target: label
        preprocessing:
          - {type: load_image, size: [64, 64]}
          - normalize_image
        architecture: cnn
        regularization:
          - {type: augment_image, crop: 4, flip: true, rotation: 10}
    """

    spatial: ClassVar[bool] = True

    crop: Annotated[int, Field(ge=0, le=64)] = 2
    """Pixels by which an image may move in each direction; 0 leaves it."""
    flip: bool = False
    """Whether left and right may be exchanged."""
    rotation: Annotated[float, Field(ge=0, le=180)] = 10.0
    """The largest angle in degrees; 0 leaves it."""
    light: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """By how much contrast and brightness change, as a share; 0.2 for photographs. 0 leaves them."""

    def augment(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, ...], torch.Tensor]:
        """Change every image of the batch in its own way."""
        if not any(block.ndim == 4 for block in inputs):
            raise RecipeError(
                Problem(
                    "'augment_image' found no images to change",
                    path="regularization",
                    found=f"inputs of the shape {', '.join(str(tuple(x.shape[1:])) for x in inputs)}",
                    suggestion="Take it out, or say which column is the image with data.columns: {NAME: image}.",
                )
            )
        if not (self.crop or self.flip or self.rotation or self.light):
            return inputs, target
        return tuple(self._changed(block) if block.ndim == 4 else block for block in inputs), target

    def _changed(self, images: torch.Tensor) -> torch.Tensor:
        """Images (batch, channels, height, width), changed; the given ones stay."""
        try:
            import kornia.augmentation as changes
        except ImportError as error:
            raise MissingExtra("The regularization 'augment_image'", "kornia", "images") from error
        size = (images.shape[2], images.shape[3])
        changed: torch.Tensor = images
        if self.crop:
            # Positions are drawn by kornia from torch's global generator.
            changed = changes.RandomCrop(size, padding=self.crop, padding_mode="replicate")(changed)
        if self.flip:
            changed = changes.RandomHorizontalFlip(p=0.5)(changed)
        if self.rotation:
            changed = changes.RandomRotation(self.rotation, p=1.0)(changed)
        if self.light:
            between = (1 - self.light, 1 + self.light)
            # Not cut off at 0 and 1: normalized images go beyond.
            changed = changes.RandomContrast(between, clip_output=False, p=1.0)(changed)
            changed = changes.RandomBrightness(between, clip_output=False, p=1.0)(changed)
        return changed
