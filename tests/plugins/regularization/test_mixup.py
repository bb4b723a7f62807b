import numpy as np
import pytest
import torch
from pydantic import ValidationError
from scipy import stats

from recipeline import RecipeError
from recipeline_plugins.regularization.mixing import share_for
from recipeline_plugins.regularization.mixup import Mixup


def test_mixes_rows_and_targets_by_one_share() -> None:
    torch.manual_seed(0)
    x = torch.arange(40.0).reshape(40, 1)
    (mixed,), target = Mixup(alpha=1.0).augment((x,), x.clone())
    torch.testing.assert_close(mixed, target)  # the same share and the same partners
    assert not torch.equal(mixed, x)
    assert mixed.sum().item() == pytest.approx(x.sum().item(), rel=1e-5)  # each row is given and taken once
    assert mixed.std() < x.std()


def test_classes_stay_shares() -> None:
    torch.manual_seed(0)
    shares = torch.nn.functional.one_hot(torch.arange(30) % 3, 3).float()
    _, target = Mixup(alpha=1.0).augment((torch.randn(30, 2),), shares)
    torch.testing.assert_close(target.sum(dim=1), torch.ones(30))
    assert ((target > 0).sum(dim=1) == 2).any()


@pytest.mark.parametrize("alpha", [0.4, 4.0])
def test_shares_are_beta_distributed(alpha: float) -> None:
    torch.manual_seed(0)
    drawn = np.array([share_for(alpha) for _ in range(4000)])
    assert stats.kstest(drawn, stats.beta(alpha, alpha).cdf).pvalue > 0.01
    assert drawn.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.02)


def test_a_small_alpha_hardly_mixes() -> None:
    torch.manual_seed(0)
    shares = np.array([share_for(1e-3) for _ in range(300)])
    assert np.isfinite(shares).all()
    assert (np.minimum(shares, 1 - shares) < 1e-3).mean() > 0.97


def test_is_repeated_by_the_seed() -> None:
    x, y = torch.randn(10, 2), torch.randn(10, 1)
    results = []
    for _ in range(2):
        torch.manual_seed(5)
        results.append(Mixup().augment((x,), y)[1])
    assert torch.equal(*results)


def test_codes_can_not_be_mixed() -> None:
    codes = torch.zeros(4, 1, dtype=torch.int64)
    with pytest.raises(RecipeError, match=r"'mixup' can't mix category codes: .* 'one_hot'"):
        Mixup().augment((torch.randn(4, 2), codes), torch.randn(4, 1))
    _, target = Mixup().augment((torch.randn(4, 2), codes[:, :0]), torch.randn(4, 1))
    assert target.shape == (4, 1)


def test_refuses() -> None:
    with pytest.raises(ValidationError, match="greater than 0"):
        Mixup(alpha=0.0)
