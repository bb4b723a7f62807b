from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import cross_entropy, one_hot

from recipeline_plugins.regularization.label_smoothing import LabelSmoothing


def test_with_cross_entropy_it_is_torchs() -> None:
    torch.manual_seed(0)
    logits, y = torch.randn(20, 4, dtype=torch.float64), torch.randint(0, 4, (20,))
    x = (torch.randn(20, 2),)
    inputs, shares = LabelSmoothing(share=0.3).augment(x, one_hot(y, 4).double())
    assert inputs is x
    torch.testing.assert_close(cross_entropy(logits, shares), cross_entropy(logits, y, label_smoothing=0.3))


def test_shares_stay_shares_and_a_small_share_is_nothing() -> None:
    target = torch.tensor([[0.2, 0.8], [1.0, 0.0]])
    _, smoothed = LabelSmoothing(share=0.5).augment((), target)
    torch.testing.assert_close(smoothed, torch.tensor([[0.35, 0.65], [0.75, 0.25]]))
    _, hardly = LabelSmoothing(share=1e-9).augment((), target)
    torch.testing.assert_close(hardly, target)


def test_the_best_answer_is_no_longer_certain() -> None:
    logits = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    _, shares = LabelSmoothing(share=0.4).augment((), one_hot(torch.tensor([2]), 4).double())
    optimizer = torch.optim.SGD([logits], lr=1.0)
    for _ in range(200):
        optimizer.zero_grad()
        cross_entropy(logits, shares).backward()
        optimizer.step()
    torch.testing.assert_close(logits.detach().softmax(dim=1), torch.tensor([[0.1, 0.1, 0.7, 0.1]]).double())


@pytest.mark.parametrize(("share", "words"), [(0.0, "greater than 0"), (1.0, "less than 1"), ("0.1", "valid number")])
def test_refuses(share: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        LabelSmoothing.model_validate({"share": share})
