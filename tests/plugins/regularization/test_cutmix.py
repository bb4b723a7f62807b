import math

import pytest
import torch
from pydantic import ValidationError

from recipeline import RecipeError
from recipeline_plugins.regularization.cutmix import CutMix
from recipeline_plugins.regularization.cutmix_box import box


@pytest.mark.parametrize("shape", [(12, 3, 8, 10), (12, 30, 2)])
def test_the_target_is_mixed_by_the_area_that_was_cut(shape: tuple[int, ...]) -> None:
    torch.manual_seed(3)
    value = torch.arange(12.0)
    x = value.reshape(12, *[1] * (len(shape) - 1)).expand(shape).clone()
    seen = set()
    for _ in range(20):
        (mixed,), target = CutMix().augment((x,), value[:, None])
        own = (mixed == x).flatten(1).float().mean(dim=1)
        torch.testing.assert_close(mixed.flatten(1).mean(dim=1), target[:, 0], atol=1e-4, rtol=1e-4)
        seen.add(round(own.min().item(), 3))
    assert len(seen) > 5
    assert torch.equal(x[:, 0].flatten(1)[:, 0], value)  # what was given is left alone


@pytest.mark.parametrize("sizes", [(20, 30), (50,)])
def test_the_box_is_as_large_as_was_asked_or_cut_off_at_the_edge(sizes: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    lefts = []
    for _ in range(200):
        place, left = box(sizes, 0.64)
        area = math.prod(each.stop - each.start for each in place)
        assert all(0 <= each.start <= each.stop <= size for each, size in zip(place, sizes, strict=True))
        assert left == pytest.approx(1 - area / math.prod(sizes))
        lefts.append(left)
    assert min(lefts) == pytest.approx(0.64, abs=0.05)
    assert max(lefts) > 0.7


def test_a_kind_that_the_data_lacks_is_passed_on() -> None:
    x, none = torch.randn(6, 3, 8, 8), torch.empty(6, 0)
    torch.manual_seed(0)
    (mixed, passed), _ = CutMix().augment((x, none), torch.randn(6, 3))
    assert passed is none
    assert mixed.shape == x.shape
    assert not torch.equal(mixed, x)


def test_the_ends_take_nothing_or_all() -> None:
    assert box((10, 10), 1.0)[1] == 1
    torch.manual_seed(0)
    assert box((10,), 0.0)[1] < 0.5


def test_columns_of_a_table_are_refused() -> None:
    words = r"'cutmix' cuts pieces out of images or series, .* \(found inputs of the shape \(5,\)\)\. Take 'mixup'"
    with pytest.raises(RecipeError, match=words):
        CutMix().augment((torch.randn(4, 5),), torch.randn(4, 3))


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        CutMix(alpha=0.0)
