import math

import pytest
import torch

from recipeline_plugins.optimizer.evaluate import backtracked, evaluated, flat, gradient, number, put


def test_flat_and_put_are_each_others_inverse() -> None:
    parameters = [torch.nn.Parameter(torch.arange(6.0).view(2, 3)), torch.nn.Parameter(torch.tensor(7.0))]
    vector = flat(parameters).detach()
    assert vector.tolist() == [0, 1, 2, 3, 4, 5, 7]
    put(2 * vector, parameters)
    assert parameters[0].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert parameters[1].item() == 14


def test_a_loss_is_a_number_with_its_graph_or_without() -> None:
    assert number(torch.ones(1, requires_grad=True).sum()) == number(1) == 1.0


def test_says_that_a_closure_is_needed() -> None:
    with pytest.raises(TypeError, match=r"a step of newton evaluates the loss itself: optimizer\.step\(closure\)"):
        evaluated(None, "newton")


@pytest.mark.parametrize("loss", [1.0, torch.ones(())])
def test_says_that_the_graph_is_needed(loss: object) -> None:
    with pytest.raises(TypeError, match=r"newton differentiates the gradient again: .*retain_graph=True"):
        gradient(loss, [torch.ones(1, requires_grad=True)], "newton")  # type: ignore[arg-type]  # what is tested


def test_a_parameter_without_effect_has_a_gradient_of_zero() -> None:
    used, unused = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    assert gradient(used.square().sum(), [used, unused], "newton").tolist() == [2, 2, 0, 0, 0]


def tried(function: object, step: float = 1.0) -> float:
    start = torch.tensor([1.0])
    found = backtracked(lambda w: function(w.item()), start, function(1.0), torch.tensor([-8.0]), -16.0, step)  # type: ignore[operator]  # a function
    return float(found)


def test_takes_the_first_length_that_lowers_the_loss_enough() -> None:
    # w² at 1 - 8 t: 49, 9, 1 are not lower, 0 at t = 1/8 is
    assert tried(lambda w: w * w) == 0.0
    assert tried(lambda w: w * w, step=0.0625) == 0.5


def test_a_loss_that_is_not_finite_is_too_far() -> None:
    assert tried(lambda w: w * w if w > -0.5 else math.nan) == 0.0
    assert tried(lambda w: w * w if w > -0.5 else math.inf) == 0.0


def test_stays_where_nothing_is_lower() -> None:
    assert tried(lambda w: abs(w - 1)) == 1.0
