import sys

import pytest
import torch
from pydantic import ValidationError

from recipeline import MissingExtra, RecipeError
from recipeline_plugins.optimizer.lion import Lion
from recipeline_plugins.optimizer.pytorch_optimizer import PytorchOptimizer


@pytest.fixture
def w() -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.ones(3, 2))


def test_says_how_to_install_it(w: torch.nn.Parameter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(MissingExtra, match=r"needs the package 'pytorch_optimizer'.*'recipeline\[optimizers\]'"):
        PytorchOptimizer().build([w])


def test_takes_the_one_that_is_named_with_its_settings(w: torch.nn.Parameter) -> None:
    pytest.importorskip("pytorch_optimizer")
    twin = torch.nn.Parameter(w.detach().clone())
    theirs = PytorchOptimizer(optimizer="lion", lr=0.01, settings={"betas": [0.5, 0.7]}).build([w])
    ours = Lion(lr=0.01, beta1=0.5, beta2=0.7).build([twin])
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        w.grad = torch.randn(3, 2, generator=generator)
        twin.grad = w.grad.clone()
        theirs.step()
        ours.step()
    torch.testing.assert_close(w, twin)


def test_says_what_there_is(w: torch.nn.Parameter) -> None:
    pytest.importorskip("pytorch_optimizer")
    with pytest.raises(RecipeError, match=r"no optimizer of this name \(found 'adopp'\)\. It has \d+: .*adopt"):
        PytorchOptimizer(optimizer="adopp").build([w])


def test_says_what_it_does_not_take(w: torch.nn.Parameter) -> None:
    pytest.importorskip("pytorch_optimizer")
    with pytest.raises(RecipeError, match=r"optimizer\.settings: pytorch_optimizer's 'lion' can't be made so: .*beta1"):
        PytorchOptimizer(optimizer="lion", settings={"betas": [1.5, 0.9]}).build([w])


def test_refuses_an_empty_name() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        PytorchOptimizer(optimizer="")
