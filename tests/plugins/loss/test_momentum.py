import io
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from recipeline import TargetSpec
from recipeline_plugins.loss.gaussian_nll import GaussianNLL
from recipeline_plugins.loss.momentum import Momentum
from recipeline_plugins.loss.mse import MeanSquaredError

TARGET = TargetSpec("regression", ("y",))
torch.manual_seed(0)
X, Y = torch.randn(60, 4, dtype=torch.float64), torch.randn(60, 1, dtype=torch.float64)


def network() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def attached(model: nn.Module, beta: float = 0.9) -> Any:
    loss: Any = Momentum(beta=beta, of=MeanSquaredError()).build(TARGET)
    loss.attach(model)
    return loss


def batch(step: int) -> tuple[torch.Tensor, torch.Tensor]:
    rows = slice(step % 6 * 10, step % 6 * 10 + 10)
    return X[rows], Y[rows]


def test_descent_on_it_is_descent_by_the_exponential_mean_of_gradients() -> None:
    ours, reference = network(), network()
    loss = attached(ours)
    optimizer = torch.optim.SGD(ours.parameters(), lr=0.1)
    means = [torch.zeros_like(p) for p in reference.parameters()]
    for step in range(50):
        x, y = batch(step)
        optimizer.zero_grad()
        loss(ours(x), y).backward()
        optimizer.step()

        slopes = torch.autograd.grad(nn.functional.mse_loss(reference(x), y), list(reference.parameters()))
        with torch.no_grad():
            for p, mean, slope in zip(reference.parameters(), means, slopes, strict=True):
                mean.mul_(0.9).add_(0.1 * slope)
                p.sub_(0.1 * mean)
    for p, q in zip(ours.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_around_mse_of_a_line_it_is_the_arithmetic_of_the_definition() -> None:
    """The same in NumPy alone: gradients of the mean square by hand, their exponential mean, and a step along it."""
    model = nn.Linear(4, 1, bias=False).double()
    loss = attached(model, beta=0.8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    w, mean = model.weight.detach().numpy().copy()[0], np.zeros(4)
    for step in range(50):
        x, y = batch(step)
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
        gradient = 2 / len(x) * x.numpy().T @ (x.numpy() @ w - y.numpy()[:, 0])
        mean = 0.8 * mean + 0.2 * gradient
        w = w - 0.05 * mean
        np.testing.assert_allclose(model.weight.detach().numpy()[0], w, rtol=1e-10, atol=1e-14)


def test_its_value_is_the_formula_and_what_is_reported_is_the_loss_itself() -> None:
    model = network()
    loss = attached(model, beta=0.8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = batch(0)
    mean = [0.2 * g for g in torch.autograd.grad(loss.inner(model(x), y), list(model.parameters()))]
    loss(model(x), y).backward()
    optimizer.step()
    x, y = batch(1)
    inner = nn.functional.mse_loss(model(x), y)
    expected = 0.2 * inner + 0.8 * sum((m * p).sum() for m, p in zip(mean, model.parameters(), strict=True))
    torch.testing.assert_close(loss(model(x), y), expected)
    torch.testing.assert_close(loss.reported(model(x), y), inner)


def test_it_turns_less_from_step_to_step() -> None:
    def turns(beta: float) -> float:
        model = network()
        loss = attached(model, beta)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        directions = []
        for step in range(30):
            x, y = batch(step)
            optimizer.zero_grad()
            loss(model(x), y).backward()
            directions.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
            optimizer.step()
        pairs = pairwise(directions[5:])
        return sum(1 - torch.cosine_similarity(a, b, dim=0).item() for a, b in pairs)

    assert turns(0.9) < 0.2 * turns(0.0)


def test_without_a_past_it_is_the_loss() -> None:
    model, plain = network(), network()
    loss = attached(model, beta=0.0)
    x, y = batch(0)
    loss(model(x), y).backward()
    nn.functional.mse_loss(plain(x), y).backward()
    for p, q in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_several_batches_for_one_step_are_one_gradient() -> None:
    halves, whole = network(), network()
    for model, parts in ((halves, 2), (whole, 1)):
        loss = attached(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            for x, y in zip(X.chunk(parts), Y.chunk(parts), strict=True):
                (loss(model(x), y) / parts).backward()
            optimizer.step()
    for p, q in zip(halves.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_goes_on_after_save_and_load() -> None:
    def descend(model: nn.Module, loss: Any, steps: range) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        for step in steps:
            x, y = batch(step)
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()

    straight, stopped, resumed = network(), network(), network()
    descend(straight, attached(straight), range(8))
    first, second = attached(stopped), attached(resumed)
    descend(stopped, first, range(4))
    buffer = io.BytesIO()
    torch.save((stopped.state_dict(), first.state_dict()), buffer)
    buffer.seek(0)
    weights, state = torch.load(buffer, weights_only=True)
    resumed.load_state_dict(weights)
    second.load_state_dict(state)
    descend(resumed, second, range(4, 8))
    for p, q in zip(straight.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(p, q)


def test_evaluation_sees_the_loss_itself() -> None:
    model = network()
    loss = attached(model)
    loss(model(X), Y).backward()
    loss.eval()
    with torch.no_grad():
        torch.testing.assert_close(loss(model(X), Y), nn.functional.mse_loss(model(X), Y))


def test_takes_a_loss_by_name_or_the_usual_one() -> None:
    assert Momentum.model_validate({"of": "mse"}).of == MeanSquaredError()
    nested = Momentum.model_validate({"of": {"type": "gaussian_nll", "floor": 0.1}})
    assert nested.of == GaussianNLL(floor=0.1)
    assert nested.outputs(TARGET) == 2
    assert nested.link(torch.tensor([[3.0, 1.0]]), TARGET).tolist() == [[3.0]]
    assert Momentum.model_validate(nested.model_dump()) == nested
    prediction, y = torch.tensor([[1.0]]), torch.tensor([[3.0]])
    assert Momentum().build(TARGET)(prediction, y).item() == 4


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"beta": 1.0}, "less than 1"),
        ({"beta": -0.1}, "greater than or equal to 0"),
        ({"of": "msee"}, "no loss is named"),
        ({"of": {"type": "huber", "delta": 0.0}}, "greater than 0"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Momentum.model_validate(settings)
