import pytest
import torch

from recipeline_plugins.optimizer.adam import Adam
from recipeline_plugins.optimizer.adamw import AdamW
from recipeline_plugins.optimizer.kernel import fused
from recipeline_plugins.optimizer.sgd import SGD


def test_one_kernel_where_there_is_one() -> None:
    assert fused([torch.nn.Parameter(torch.ones(2))]) is True
    assert fused([torch.nn.Parameter(torch.ones(2, device="meta"))]) is None
    assert fused([torch.nn.Parameter(torch.ones(2, dtype=torch.complex64))]) is None
    assert fused([]) is None


@pytest.mark.parametrize("plugin", [Adam(), AdamW(), SGD(momentum=0.9)])
def test_gradients_are_unscaled_before_the_step(plugin: Adam | AdamW | SGD) -> None:
    w = torch.nn.Parameter(torch.zeros(3))
    optimizer = plugin.build([w])
    assert optimizer.defaults["fused"] is True
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale((w * torch.tensor([1.0, 2.0, 3.0])).sum()).backward()
    scaler.unscale_(optimizer)
    assert w.grad is not None
    assert w.grad.tolist() == [1.0, 2.0, 3.0]
    scaler.step(optimizer)
    plain = torch.nn.Parameter(torch.zeros(3))
    plain.grad = torch.tensor([1.0, 2.0, 3.0])
    plugin.build([plain]).step()
    assert torch.equal(w, plain)


def test_an_overflow_under_mixed_precision_skips_the_step() -> None:
    w = torch.nn.Parameter(torch.zeros(2))
    optimizer = Adam().build([w])
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    scaler.scale((w * torch.tensor([1.0, float("inf")])).sum()).backward()
    scaler.step(optimizer)
    scaler.update()
    assert not w.any()
    assert scaler.get_scale() == 512.0
