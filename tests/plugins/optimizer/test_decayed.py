import pytest
import torch

from recipeline_plugins.optimizer.decayed import groups


@pytest.fixture
def parameters() -> list[torch.nn.Parameter]:
    norm, kernel, dense = torch.nn.LayerNorm(3), torch.nn.Conv1d(2, 2, 2), torch.nn.Linear(3, 2)
    return [*norm.parameters(), *kernel.parameters(), *dense.parameters()]


def test_vectors_stand_apart(parameters: list[torch.nn.Parameter]) -> None:
    decayed, spared = groups(parameters, 0.1, "weights")
    assert [p.ndim for p in decayed["params"]] == [3, 2]
    assert [p.ndim for p in spared["params"]] == [1, 1, 1, 1]
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)


@pytest.mark.parametrize(("weight_decay", "which"), [(0.1, "all"), (0.0, "weights")])
def test_one_group_where_nothing_is_spared(parameters: list, weight_decay: float, which: str) -> None:
    (group,) = groups(parameters, weight_decay, which)  # type: ignore[arg-type]  # of the parametrization
    assert group == {"params": parameters, "weight_decay": weight_decay}


def test_no_group_is_empty() -> None:
    assert len(groups([torch.nn.Parameter(torch.ones(3))], 0.1, "weights")) == 1
    assert len(groups([torch.nn.Parameter(torch.ones(3, 1))], 0.1, "weights")) == 1
