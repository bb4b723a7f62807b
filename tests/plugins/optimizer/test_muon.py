from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from recipeline import RecipeError
from recipeline_plugins.optimizer.muon import Muon
from recipeline_plugins.optimizer.muon_steps import orthogonalized

RNG = np.random.default_rng(0)
GRADIENTS = [(RNG.normal(size=(5, 3)), RNG.normal(size=3)) for _ in range(50)]
STARTS = (np.linspace(-1, 1, 15).reshape(5, 3), np.linspace(0, 1, 3))


def newton_schulz(matrix: Any, iterations: int) -> Any:
    """Jordan et al. 2024, on the wide form of the matrix."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = wide / np.linalg.norm(wide)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if matrix.shape[0] > matrix.shape[1] else x


def paper(w: Any, lr: float, momentum: float, nesterov: bool, scale: str, weight_decay: float) -> list[Any]:
    found, mean = [], np.zeros_like(w)
    rows, columns = w.shape
    size = 0.2 * np.sqrt(max(rows, columns)) if scale == "adamw" else np.sqrt(max(1, rows / columns))
    for g, _ in GRADIENTS:
        mean = momentum * mean + (1 - momentum) * g
        ahead = momentum * mean + (1 - momentum) * g if nesterov else mean
        w = w - lr * weight_decay * w - lr * size * newton_schulz(ahead, 5)
        found.append(w)
    return found


def adamw(w: Any, lr: float, beta1: float, beta2: float, eps: float) -> list[Any]:
    found = []
    m = v = np.zeros_like(w)
    for t, (_, g) in enumerate(GRADIENTS, start=1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = w - lr * m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + eps)
        found.append(w)
    return found


def trajectories(settings: dict[str, Any], break_at: int | None = None) -> list[Any]:
    parameters = [torch.nn.Parameter(torch.tensor(start)) for start in STARTS]
    plugin = Muon.model_validate(settings)
    optimizer = plugin.build(parameters)
    found = []
    for step, gradients in enumerate(GRADIENTS):
        if step == break_at:
            state = optimizer.state_dict()
            optimizer = plugin.build(parameters)
            optimizer.load_state_dict(state)
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = torch.tensor(g)
        optimizer.step()
        found.append([p.detach().numpy().copy() for p in parameters])
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.001, "momentum": 0.95, "nesterov": True, "scale": "adamw", "weight_decay": 0.1},
        {"lr": 0.02, "momentum": 0.5, "nesterov": False, "scale": "original", "weight_decay": 0.0},
    ],
)
def test_matrices_follow_the_paper_and_vectors_adamw(settings: dict[str, Any]) -> None:
    found = trajectories(settings)
    np.testing.assert_allclose([w for w, _ in found], paper(STARTS[0], **settings), rtol=1e-9, atol=1e-12)
    expected = adamw(STARTS[1], settings["lr"], 0.9, 0.95, 1e-8)
    np.testing.assert_allclose([b for _, b in found], expected, rtol=1e-10, atol=1e-14)


def test_one_state_goes_on_for_both() -> None:
    whole, broken = trajectories({"lr": 0.01}), trajectories({"lr": 0.01}, break_at=23)
    assert all(np.array_equal(a, b) for a, b in zip(whole[-1], broken[-1], strict=True))


def test_comes_to_what_torch_has_in_half_precision() -> None:
    ours, theirs = (torch.nn.Parameter(torch.tensor(STARTS[0]).float()) for _ in range(2))
    mine = Muon(lr=0.01, weight_decay=0.1).build([ours])
    reference = torch.optim.Muon([theirs], lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
    for g, _ in GRADIENTS:
        ours.grad, theirs.grad = torch.tensor(g).float(), torch.tensor(g).float()
        mine.step()
        reference.step()
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=0.02)


def test_a_kernel_is_a_matrix_of_its_first_dimension() -> None:
    kernel = torch.nn.Parameter(torch.zeros(4, 2, 3, 3))
    kernel.grad = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    optimizer = Muon(lr=1.0, momentum=0.0, scale="original", weight_decay=0.0).build([kernel])
    optimizer.step()
    torch.testing.assert_close(-kernel.detach().flatten(1), orthogonalized(kernel.grad.flatten(1), 5))


def test_singular_values_come_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalized(torch.tensor(GRADIENTS[0][0]), 5))
    assert values.min() > 0.6
    assert values.max() < 1.3


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(7, 4)
        self.body = torch.nn.Linear(4, 4)
        self.head = torch.nn.Linear(4, 2)


def orthogonal(optimizer: torch.optim.Optimizer, net: Net) -> set[str]:
    held = {id(p) for group in optimizer.param_groups if group["orthogonal"] for p in group["params"]}
    return {name for name, p in net.named_parameters() if id(p) in held}


def test_embeddings_and_what_companion_names_are_left_to_adamw() -> None:
    net = Net()
    parameters = list(net.parameters())
    assert orthogonal(Muon().build_for(net, parameters), net) == {"body.weight", "head.weight"}
    assert orthogonal(Muon(companion=["head.*"]).build_for(net, parameters), net) == {"body.weight"}
    taken = [p for group in Muon().build_for(net, parameters).param_groups for p in group["params"]]
    assert {id(p) for p in taken} == {id(p) for p in parameters}


def test_says_which_names_there_are() -> None:
    net = Net()
    with pytest.raises(RecipeError, match=r"companion\[0\]: no parameter has such a name .*tail.* There are: table"):
        Muon(companion=["tail.*"]).build_for(net, list(net.parameters()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr": 0.0}, "greater than 0"),
        ({"nesterov": 1}, "valid boolean"),
        ({"decayed": "some"}, "'weights' or 'all'"),
        ({"beta2": 1.0}, "less than 1"),
        ({"momentum": 1.0}, "less than 1"),
        ({"iterations": 0}, "greater than 0"),
        ({"iterations": 21}, "less than or equal to 20"),
        ({"scale": "rms"}, "'adamw' or 'original'"),
        ({"weight_decay": -0.1}, "greater than or equal to 0"),
        ({"beta1": 1.0}, "less than 1"),
        ({"eps": 0.0}, "greater than 0"),
        ({"companion": "head"}, "valid list"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Muon.model_validate(settings)
