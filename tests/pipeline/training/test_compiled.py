"""A compiled network trains, answers and is served as one that is not, and what is in the way is said in words."""

import pytest
import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException

from recipeline import runner
from recipeline.errors import EnvironmentFault
from recipeline.network import for_answers
from recipeline.recipe.load import load_recipe
from recipeline.training.compiled import compile_network, told

RECIPE = """
name: iris
seed: 3
data: {source: {type: sample, dataset: iris}, target: species}
preprocessing: [{type: standardize, columns: numeric}]
architecture: {type: mlp, hidden: [8], dropout: 0.1}
reports: []
training: {epochs: 2, batch_size: 16, accelerator: cpu}
"""


@pytest.fixture
def eagerly(monkeypatch):
    """Networks go through torch's compiler but for the last part, which takes seconds; how often, as a list."""
    compile_ = nn.Module.compile
    calls = []

    def quickly(network):
        calls.append(network)
        compile_(network, backend="eager")

    monkeypatch.setattr(nn.Module, "compile", quickly)
    return calls


def test_a_run_comes_out_the_same(tmp_path, monkeypatch, eagerly):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE)
    plain = runner.run(load_recipe("r.yaml"))
    assert not eagerly
    compiled = runner.run(load_recipe("r.yaml", ["training.compile=true"]))
    assert len(eagerly) == 1
    apart = [name for name, value in plain.metrics.items() if compiled.metrics[name] != value]
    assert [name for name in apart if not name.startswith("time/")] == []


def test_the_network_that_answers_is_not_compiled(eagerly):
    from recipeline.families.spec import Block, InputSpec, TargetSpec

    network = nn.Conv2d(1, 2, 3)
    network.compile()
    answering = for_answers(
        network, InputSpec({"image": Block(("photo",), (1, 8, 8))}), TargetSpec("regression", ("y",))
    )
    assert answering._compiled_call_impl is None
    assert torch.equal(answering.weight, network.weight)
    assert list(network.state_dict()) == ["weight", "bias"]


def test_a_missing_compiler_is_named_with_the_way_to_get_one(monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(EnvironmentFault, match=r"a C\+\+ compiler, and there is none .*apt install"):
        compile_network(nn.Linear(1, 1), on_cpu=True)


def test_what_torch_cannot_compile_is_said_in_words():
    with pytest.raises(EnvironmentFault) as caught, told():
        raise TorchDynamoException("\na graph that breaks\nand more")
    assert str(caught.value) == (
        "training.compile: torch can't compile this network here (found a graph that breaks). "
        "Leave training.compile out: the network trains without, with the same results."
    )


@pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning")
@pytest.mark.slow
def test_torchs_own_compiler_takes_a_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.yaml").write_text(RECIPE)
    plain = runner.run(load_recipe("r.yaml", ["architecture.dropout=0"]))
    compiled = runner.run(load_recipe("r.yaml", ["architecture.dropout=0", "training.compile=true"]))
    assert compiled.metrics["test/loss"] == pytest.approx(plain.metrics["test/loss"], rel=1e-4)
