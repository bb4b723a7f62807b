"""Train images that move, mirror and turn; nothing else does."""

import sys
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import MissingExtra, RecipeError
from recipeline_plugins.regularization.augment_image import AugmentImage


def test_an_image_moves_by_no_more_than_the_crop() -> None:
    x = torch.zeros(50, 1, 9, 9)
    x[:, :, 4, 4] = 1.0
    (made,), _ = AugmentImage(crop=2, rotation=0.0).augment((x,), torch.zeros(50))
    places = made.nonzero()[:, 2:]
    assert len(places) == 50
    assert (places - 4).abs().max() == 2
    assert len({tuple(place.tolist()) for place in places}) > 5


def test_flip_exchanges_left_and_right_of_some() -> None:
    x = torch.arange(4.0).expand(40, 1, 4, 4)
    (made,), _ = AugmentImage(crop=0, rotation=0.0, flip=True).augment((x,), torch.zeros(40))
    mirrored = [bool(torch.equal(image, x[0].flip(-1))) for image in made]
    assert all(either or torch.equal(image, x[0]) for either, image in zip(mirrored, made, strict=True))
    assert 5 < sum(mirrored) < 35


def test_rotation_turns_and_the_other_blocks_stay() -> None:
    x, numbers = torch.rand(6, 3, 8, 8), torch.rand(6, 2)
    (made, kept), target = AugmentImage(crop=0, rotation=20.0).augment((x, numbers), torch.arange(6))
    assert made.shape == x.shape
    assert not torch.equal(made, x)
    assert kept is numbers
    assert target.tolist() == list(range(6))


def test_light_scales_and_shifts_each_image_as_a_whole() -> None:
    x = torch.linspace(-2, 3, 36).reshape(1, 1, 6, 6).repeat(40, 2, 1, 1)
    (made,), _ = AugmentImage(crop=0, rotation=0.0, light=0.2).augment((x,), torch.zeros(40))
    low, high = made[:, 0, 0, 0], made[:, 0, -1, -1]
    factor = (high - low) / 5
    shift = low + 2 * factor
    assert ((factor > 0.8) & (factor < 1.2) & (shift.abs() < 0.2)).all()
    assert min(factor.std(), shift.std()) > 0.05
    torch.testing.assert_close(made, x * factor[:, None, None, None] + shift[:, None, None, None], atol=1e-5, rtol=0)


def test_with_nothing_to_do_it_leaves_the_batch() -> None:
    x, y = torch.rand(6, 3, 8, 8), torch.arange(6)
    (kept,), target = AugmentImage(crop=0, flip=False, rotation=0.0).augment((x,), y)
    assert kept is x
    assert target is y
    (hardly,), _ = AugmentImage(crop=0, rotation=1e-6).augment((x,), y)
    torch.testing.assert_close(hardly, x, atol=1e-4, rtol=0)


def test_no_image_is_an_error_and_so_is_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match="found no images to change"):
        AugmentImage().augment((torch.rand(4, 3),), torch.zeros(4))
    monkeypatch.setitem(sys.modules, "kornia.augmentation", None)
    with pytest.raises(MissingExtra, match=r"needs the package 'kornia'.*recipeline\[images\]"):
        AugmentImage().augment((torch.rand(4, 3, 8, 8),), torch.zeros(4))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"crop": -1}, "greater than or equal to 0"),
        ({"crop": 65}, "less than or equal to 64"),
        ({"flip": 1}, "valid boolean"),
        ({"rotation": -1.0}, "greater than or equal to 0"),
        ({"rotation": 181.0}, "less than or equal to 180"),
        ({"light": 1.0}, "less than 1"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        AugmentImage.model_validate(settings)
