import pytest
import torch

from recipeline import ParameterGroup, RecipeError
from recipeline.training.groups import give_rates
from recipeline_plugins.optimizer.adamw import AdamW


@pytest.fixture
def net() -> torch.nn.Module:
    return torch.nn.ModuleDict({"body": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 1)})


def rates(optimizer: torch.optim.Optimizer, net: torch.nn.Module) -> dict[str, tuple[float, float]]:
    """Rate and decay of each parameter by name."""
    held = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    return {name: (held[id(p)]["lr"], held[id(p)]["weight_decay"]) for name, p in net.named_parameters()}


def grouped(net: torch.nn.Module, *groups: tuple[str, float]) -> torch.optim.Optimizer:
    optimizer = AdamW(lr=0.1, weight_decay=0.5).build(list(net.parameters()))
    give_rates(optimizer, [ParameterGroup(pattern=p, lr=lr) for p, lr in groups], dict(net.named_parameters()))
    return optimizer


def test_what_a_pattern_fits_gets_its_rate_and_keeps_its_other_options(net: torch.nn.Module) -> None:
    assert rates(grouped(net, ("head.*", 0.001)), net) == {
        "body.weight": (0.1, 0.5),
        "body.bias": (0.1, 0.0),
        "head.weight": (0.001, 0.5),
        "head.bias": (0.001, 0.0),
    }


def test_the_first_pattern_that_fits_counts(net: torch.nn.Module) -> None:
    found = rates(grouped(net, ("*.bias", 0.01), ("body.*", 0.02)), net)
    assert {name: lr for name, (lr, _) in found.items()} == {
        "body.weight": 0.02,
        "body.bias": 0.01,
        "head.weight": 0.1,
        "head.bias": 0.01,
    }


def test_no_group_is_left_empty(net: torch.nn.Module) -> None:
    optimizer = grouped(net, ("*", 0.01))
    assert all(group["params"] for group in optimizer.param_groups)
    assert {group["lr"] for group in optimizer.param_groups} == {0.01}


def test_without_groups_nothing_changes(net: torch.nn.Module) -> None:
    assert len(grouped(net).param_groups) == 2


def test_a_schedule_moves_every_group_by_the_same_share(net: torch.nn.Module) -> None:
    optimizer = grouped(net, ("head.*", 0.001))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda move: 0.5**move)
    optimizer.step()
    schedule.step()
    assert {lr for lr, _ in rates(optimizer, net).values()} == {0.05, 0.0005}


def test_says_which_names_there_are(net: torch.nn.Module) -> None:
    words = r"groups\[0\]\.pattern: no parameter has such a name \(found 'tail\.\*'\)\. There are: body\.weight"
    with pytest.raises(RecipeError, match=words):
        grouped(net, ("tail.*", 0.01))


def test_says_that_earlier_patterns_have_taken_all(net: torch.nn.Module) -> None:
    with pytest.raises(RecipeError, match=r"groups\[1\]\.pattern: earlier patterns have taken every parameter"):
        grouped(net, ("*", 0.01), ("head.*", 0.02))
