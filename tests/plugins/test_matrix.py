"""Every architecture trains with every loss for the task and with every optimizer, on what it is made to look at."""

import math
from typing import Any

import pytest
import torch

from recipeline import (
    END,
    PADDING,
    SIGNS,
    Architecture,
    Block,
    EarlierModel,
    InputSpec,
    Loss,
    Optimizer,
    RecipelineError,
    TargetSpec,
)
from recipeline.catalog import installed
from recipeline.decoding import before
from recipeline.recipe.load import parse

CATALOG = installed()
ROWS = 8
BLOCKS = {
    "numeric": Block(("a", "b"), (2,)),
    "categorical": Block(("k",), (1,), (3,)),
    "image": Block(("photo",), (1, 4, 4)),
    "series": Block(("s",), (3, 1)),
    "tokens": Block((), (0,)),
    "lengths": Block(("lengths",), ()),
}
TARGETS = {
    "regression": TargetSpec("regression", ("y", "z")),
    "binary": TargetSpec("binary", ("y",), ("no", "yes"), (8, 8)),
    "multiclass": TargetSpec("multiclass", ("y",), ("a", "b", "c"), (6, 5, 5)),
    "multilabel": TargetSpec("multilabel", ("p", "q"), ("p", "q"), (8, 8)),
}

SPELT = InputSpec(
    {
        "tokens": Block(("t",), (5,), (9,)),
        "series": Block((), (0,)),
        "lengths": Block(("lengths",), ()),
        "numeric": Block((), (0,)),
        "categorical": Block((), (0,)),
    }
)
SEQUENCE = TargetSpec("sequence", ("y",), (*SIGNS, "a", "b", "c"), longest=3)

# Small, because every pair is tried.
SMALL: dict[str, dict[str, Any]] = {
    "cnn": {"blocks": [2]},
    "resnet": {"widths": [2], "depths": [1]},
    "rnn": {"hidden": 2},
    "lstm": {"hidden": 2},
    "gru": {"hidden": 2},
    "transformer": {"width": 2, "heads": 1, "layers": 1, "feedforward": 2},
    "mlp": {"hidden": [6]},
    "tabular_resnet": {"width": 6, "blocks": 1},
    "ft_transformer": {"width": 4, "heads": 2, "blocks": 1},
}

BRIEF: dict[str, dict[str, Any]] = {
    "lbfgs": {"max_iter": 2},
    "newton_cg": {"max_iter": 2},
}
# Their first steps are as long as the slope is steep, which that of `gaussian_nll` is without bound.
SHORT: dict[str, dict[str, Any]] = {name: {"lr": 0.01} for name in ("proximal_gradient", "subgradient")}

# The others differentiate the gradient once for each of many parameters: with one loss a task, and with each among the
# slow tests.
SECOND_ORDER = ("linear", "mlp", "pretrained")
FIRST = {"regression": "mse", "binary": "cross_entropy", "multiclass": "cross_entropy"}
FIRST |= {"multilabel": "binary_cross_entropy"}


def batch(target: TargetSpec, loss: Loss) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    if target.task == "sequence":
        lengths = torch.randint(1, 6, (16,))
        tokens = torch.randint(1, 9, (16, 5)) * (torch.arange(5) < lengths[:, None])
        nothing = torch.empty(16, 0)
        sources = {"tokens": tokens, "series": nothing, "lengths": lengths}
        said = torch.randint(len(SIGNS), target.outputs, (16, 4))
        ends = torch.randint(1, 4, (16, 1))
        truth = said.masked_fill(torch.arange(4) == ends, END).masked_fill(torch.arange(4) > ends, PADDING)
        return sources | {"numeric": nothing, "categorical": nothing.long()}, truth
    blocks = {kind: torch.randn(ROWS, *BLOCKS[kind].shape) for kind in ("numeric", "image", "series", "tokens")}
    blocks |= {"categorical": torch.randint(0, 3, (ROWS, 1)), "lengths": torch.randint(1, 4, (ROWS,))}
    if target.is_classes:
        return blocks, torch.arange(ROWS) % target.outputs
    truth = torch.randn(ROWS, target.outputs)
    if target.task == "multilabel":
        return blocks, truth.gt(0).float()
    return blocks, truth.abs() if loss.raw_target else truth


ARCHITECTURES = CATALOG.names("architecture")
LOSSES = [
    (loss, task) for loss in CATALOG.names("loss") for task in sorted(CATALOG.find(Loss, loss).tasks) if task in TARGETS
]


@pytest.mark.parametrize(("loss", "task"), LOSSES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_two_batches_have_a_finite_loss_with_every_optimizer(architecture: str, loss: str, task: str) -> None:
    assert not faults(architecture, SMALL.get(architecture, {}), loss, TARGETS[task])


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "task"), LOSSES)
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name not in SECOND_ORDER])
def test_so_has_every_loss_with_those_that_differentiate_twice(architecture: str, loss: str, task: str) -> None:
    assert not faults(architecture, SMALL.get(architecture, {}), loss, TARGETS[task], curved=True)


SEQUENCES = [name for name in CATALOG.names("architecture") if "sequence" in CATALOG.find(Architecture, name).tasks]
SPEAKING: dict[str, list[dict[str, Any]]] = {
    "transformer": [
        {"width": 4, "heads": 2, "layers": 1, "form": "encoder_decoder"},
        {"width": 4, "heads": 2, "layers": 1, "form": "decoder", "tied": False},
    ]
}
SPOKEN = [name for name in CATALOG.names("loss") if "sequence" in CATALOG.find(Loss, name).tasks]


PAIRS = [(name, settings) for name in SEQUENCES for settings in SPEAKING.get(name, [{}])]


@pytest.mark.parametrize("loss", SPOKEN)
@pytest.mark.parametrize(("architecture", "settings"), PAIRS)
def test_so_do_two_batches_of_sequences(architecture: str, settings: dict[str, Any], loss: str) -> None:
    assert not faults(architecture, settings, loss, SEQUENCE)


@pytest.mark.slow
@pytest.mark.parametrize("loss", SPOKEN)
@pytest.mark.parametrize(("architecture", "settings"), PAIRS)
def test_and_of_sequences_with_those_that_differentiate_twice(
    architecture: str, settings: dict[str, Any], loss: str
) -> None:
    assert not faults(architecture, settings, loss, SEQUENCE, curved=True)


def faults(
    architecture: str, settings: dict[str, Any], loss: str, target: TargetSpec, *, curved: bool = False
) -> dict[str, str]:
    """What went wrong, by optimizer; with those alone that differentiate twice where `curved`."""
    conflicts = CATALOG.find(Loss, loss).conflicts
    affordable = architecture in SECOND_ORDER or loss == FIRST.get(target.task)
    found = {}
    for optimizer in CATALOG.names("optimizer"):
        twice = CATALOG.find(Optimizer, optimizer).second_order
        if f"optimizer.{optimizer}" not in conflicts and (twice if curved else affordable or not twice):
            try:
                trains(architecture, settings, loss, target, optimizer)
            except (AssertionError, RuntimeError, RecipelineError) as error:
                found[optimizer] = f"{type(error).__name__}: {error}"
    return found


def made(architecture: str, settings: dict[str, Any]) -> Architecture:
    """The architecture; `pretrained` goes on with a small network that has learnt of other classes."""
    found = CATALOG.find(Architecture, architecture)
    if architecture != "pretrained":
        return found.model_validate(settings)
    first = made("mlp", SMALL["mlp"])
    target = TargetSpec("multiclass", ("y",), ("d", "e", "f", "g"), (4, 4, 4, 4))
    weights = first.build(looked_at(first), target.outputs).state_dict()
    model = EarlierModel("a folder", "0" * 64, first, (), looked_at(first), target, target.outputs, weights, ())
    return found.model_validate({"folder": "there"}).going_on_from(model)


def looked_at(architecture: Architecture) -> InputSpec:
    return InputSpec({kind: BLOCKS[kind] for kind in architecture.accepts})


def trains(architecture: str, settings: dict[str, Any], loss: str, target: TargetSpec, optimizer: str) -> None:
    torch.manual_seed(0)
    plugin = made(architecture, settings)
    wrong = CATALOG.find(Loss, loss)()
    sequence = target.task == "sequence"
    network = (
        plugin.build_sequence(SPELT, target) if sequence else plugin.build(looked_at(plugin), wrong.outputs(target))
    )
    function = wrong.build(target)
    steps = BRIEF.get(optimizer, {}) | (SHORT.get(optimizer, {}) if loss == "gaussian_nll" else {})
    stepping = CATALOG.find(Optimizer, optimizer).model_validate(steps)
    stepper = stepping.build_for(network, list(network.parameters()))
    first = [p.detach().clone() for p in network.parameters()]
    moved = False
    for _ in range(2):
        blocks, truth = batch(target, wrong)

        def closure(blocks: dict[str, torch.Tensor] = blocks, truth: torch.Tensor = truth) -> Any:
            with torch.enable_grad():
                stepper.zero_grad()
                said = (before(truth),) if sequence else ()
                value = function(network(*(blocks[kind] for kind in plugin.accepts), *said), truth)
                torch.autograd.backward(value, retain_graph=stepping.second_order)
            return value if stepping.second_order else value.item()

        assert math.isfinite(float(stepper.step(closure)))
        moved |= any(not torch.equal(p, old) for p, old in zip(network.parameters(), first, strict=True))
    assert all(p.isfinite().all() for p in network.parameters())
    # One that keeps the best weights may be back at the first ones; where nothing is curved, Newton has no step.
    assert moved or optimizer in ("subgradient", "newton", "newton_cg"), "nothing has moved"


def said(loss: str, task: str, optimizer: str) -> str:
    """What validation says of the three together; nothing where it accepts them."""
    text = (
        f"name: x\ndata: {{source: {{type: sample, dataset: iris}}, target: y, task: {task}}}\n"
        f"architecture: mlp\nloss: {loss}\noptimizer: {optimizer}\n"
        "training: {batch_size: full}\nregularization: [l1]\n"
    )
    try:
        parse(text, "r.yaml")
    except RecipelineError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("loss", CATALOG.names("loss"))
def test_what_is_not_trained_here_is_refused_with_words(loss: str) -> None:
    plugin = CATALOG.find(Loss, loss)
    for task in TARGETS:
        answer = said(loss, task, "adam")
        assert (f"the loss '{loss}' is made for" in answer) == (task not in plugin.tasks), answer
    task = min(plugin.tasks)
    for optimizer in CATALOG.names("optimizer"):
        refused = f"optimizer.{optimizer}" in plugin.conflicts
        answer = said(loss, task, optimizer)
        assert (f"'{loss}' can't be used together with the optimizer '{optimizer}'" in answer) == refused, answer
