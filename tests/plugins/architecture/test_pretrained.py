"""`pretrained` takes an earlier network's weights, puts another head on where needed, and leaves frozen layers be."""

from __future__ import annotations

import copy

import pytest
import torch

from recipeline import Architecture, EarlierModel, InputSpec, Optimizer, RecipeError, TargetSpec
from recipeline.catalog import installed
from recipeline.families.spec import Block
from recipeline_plugins.architecture.cnn import CNN
from recipeline_plugins.architecture.linear import Linear
from recipeline_plugins.architecture.mlp import MLP
from recipeline_plugins.architecture.pretrained import Pretrained
from recipeline_plugins.architecture.transformer import Transformer
from recipeline_plugins.regularization.dropout import Dropout
from recipeline_plugins.regularization.max_norm import MaxNorm

EMPTY = Block((), (0,))
TABLE = InputSpec({"numeric": Block(tuple("abcde"), (5,)), "categorical": EMPTY})
IMAGES = InputSpec({"image": Block(("photo",), (1, 8, 8)), "series": EMPTY, "numeric": EMPTY})
LETTERS = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (9, 9, 9))
NETWORK = MLP(hidden=[8, 6], normalization="batch")


def earlier(
    architecture: Architecture = NETWORK,
    inputs: InputSpec = TABLE,
    target: TargetSpec = LETTERS,
    rewrites: tuple[Dropout, ...] = (),
) -> EarlierModel:
    torch.manual_seed(4)
    network = architecture.build(inputs, target.outputs)
    for each in rewrites:
        network = each.rewrite(network)
    for value in network.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand_like(value) + 0.1)
    return EarlierModel(
        "a folder", "0" * 64, architecture, rewrites, inputs, target, target.outputs, network.state_dict(), ()
    )


def going_on(model: EarlierModel, **settings: object) -> Pretrained:
    return Pretrained(folder="there", **settings).going_on_from(model)  # type: ignore[arg-type]


def batch(rows: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 5, generator=torch.Generator().manual_seed(1)), torch.empty(rows, 0, dtype=torch.int64)


def test_the_same_question_goes_on_with_every_weight():
    model = earlier()
    network = going_on(model).build_for(TABLE, 3, LETTERS)
    found = network.state_dict()
    assert found.keys() == model.weights.keys()
    assert all(torch.equal(found[name], model.weights[name]) for name in found)
    assert all(p.requires_grad for p in network.parameters())
    assert all(found[name].data_ptr() != model.weights[name].data_ptr() for name in found)


@pytest.mark.parametrize(
    ("head", "target", "kept"),
    [
        ("auto", LETTERS, True),
        ("auto", TargetSpec("multiclass", ("y",), ("x", "y", "z"), (9, 9, 9)), False),
        ("auto", TargetSpec("multiclass", ("y",), ("a", "b"), (9, 9)), False),
        ("auto", TargetSpec("regression", ("u", "v", "w")), False),
        ("keep", TargetSpec("multiclass", ("y",), ("x", "y", "z"), (9, 9, 9)), True),
        ("new", LETTERS, False),
    ],
)
def test_the_head_is_new_where_the_answers_are_others(head, target, kept):
    model = earlier()
    found = going_on(model, head=head).build_for(TABLE, target.outputs, target).state_dict()
    for name, value in found.items():
        same = value.shape == model.weights[name].shape and torch.equal(value, model.weights[name])
        assert same == (kept or not name.startswith("output")), name


def test_a_new_head_starts_as_the_architecture_starts_it_for_the_seed():
    torch.manual_seed(9)
    fresh = NETWORK.build(TABLE, 2)
    expected = torch.rand(1)
    plugin = going_on(earlier())
    torch.manual_seed(9)
    network = plugin.build(TABLE, 2)
    assert torch.equal(network.get_parameter("output.weight"), fresh.get_parameter("output.weight"))
    assert torch.equal(torch.rand(1), expected)


def test_a_head_that_can_not_be_kept_is_refused():
    with pytest.raises(
        RecipeError, match=r"architecture\.head: the earlier model's head has 3 outputs, and 2 are need"
    ):
        going_on(earlier(), head="keep").build(TABLE, 2)


def test_what_is_nothing_but_a_head_is_refused():
    inputs = InputSpec({"numeric": TABLE.blocks["numeric"]})
    with pytest.raises(RecipeError, match="'linear' is nothing but its head"):
        going_on(earlier(Linear(), inputs)).build(inputs, 2)


def test_layers_that_a_regularization_put_in_are_there_again():
    model = earlier(rewrites=(Dropout(p=0.5),))
    plugin = going_on(model)
    found = plugin.build(TABLE, 2)
    assert any(isinstance(module, torch.nn.Dropout) for module in found.modules())
    architecture, rewrites = plugin.plain()
    assert architecture == NETWORK
    assert rewrites == (Dropout(p=0.5),)


def test_another_size_of_image_is_refused_in_numbers_unless_the_head_is_new():
    larger = InputSpec({**IMAGES.blocks, "image": Block(("photo",), (1, 16, 16))})
    plugin = going_on(earlier(CNN(blocks=[4]), IMAGES))
    with pytest.raises(RecipeError) as refused:
        plugin.build_for(larger, 3, LETTERS)
    words = str(refused.value)
    assert "the earlier model's weights don't fit these inputs" in words
    assert "image 1 x 16 x 16 here, 1 x 8 x 8 there; output.weight 3 x 256 here, 3 x 64 there" in words
    assert words.endswith("or write head: new.")
    plugin.build_for(larger, 2, TargetSpec("binary", ("y",), ("a", "b"), (1, 1)))
    anywhere = going_on(earlier(CNN(blocks=[4], head="average"), IMAGES))
    anywhere.build_for(larger, 3, LETTERS)


def test_places_learned_for_other_lengths_are_refused():
    def texts(longest: int) -> InputSpec:
        tokens = Block(("text",), (longest,), (11,))
        return InputSpec({"tokens": tokens, "series": EMPTY, "lengths": Block(("lengths",), ())})

    plugin = going_on(earlier(Transformer(width=4, heads=1, layers=1, positions="learned"), texts(9)))
    with pytest.raises(
        RecipeError, match=r"tokens 12 here, 9 there; positions\.table\.weight 12 x 4 here, 9 x 4 there"
    ):
        plugin.build(texts(12), 3)


@pytest.mark.parametrize(
    ("until", "frozen"),
    [
        ("hidden.0", {"hidden.0"}),
        ("hidden.1.0", {"hidden.0", "hidden.1.0"}),
        ("hidden", {"hidden"}),
        ("head", {"hidden"}),
    ],
)
def test_layers_are_frozen_up_to_the_one_named(until, frozen):
    network = going_on(earlier(), freeze_until=until).build(TABLE, 3)
    still = {name for name, p in network.named_parameters() if not p.requires_grad}
    assert still == {
        name for name, _ in network.named_parameters() if any(name.startswith(f"{layer}.") for layer in frozen)
    }


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (
            "conv1",
            r"architecture\.freeze_until: the earlier model has no such layer \(found conv1\)\. In order there are: "
            r"hidden\.0, hidden\.1, output; or `head` for all but the head\.",
        ),
        ("output", "every layer would be frozen, and nothing is left to train"),
    ],
)
def test_a_layer_that_is_not_there_or_the_last_one_is_refused(until, words):
    with pytest.raises(RecipeError, match=words):
        going_on(earlier(), freeze_until=until).build(TABLE, 3)


def test_frozen_norms_and_dropout_work_as_when_predicting():
    model = earlier(MLP(hidden=[8, 6], normalization="batch", dropout=0.5))
    network = going_on(model, freeze_until="hidden.0").build(TABLE, 3)
    network.train()
    first, second = network.get_submodule("hidden.0"), network.get_submodule("hidden.1")
    twin = copy.deepcopy(network)
    network(*batch())
    twin.train()(*batch())
    assert not any(module.training for module in first.modules())
    assert all(module.training for module in second.modules())
    assert not any(module.training for module in twin.get_submodule("hidden.0").modules())
    found = network.state_dict()
    assert torch.equal(found["hidden.0.1.running_mean"], model.weights["hidden.0.1.running_mean"])
    assert not torch.equal(found["hidden.1.1.running_mean"], model.weights["hidden.1.1.running_mean"])


def test_a_limit_on_the_norm_leaves_frozen_weights_alone():
    model = earlier()
    network = MaxNorm(max=0.01).rewrite(going_on(model, freeze_until="hidden.0").build(TABLE, 3))
    assert torch.equal(network.state_dict()["hidden.0.0.weight"], model.weights["hidden.0.0.weight"])
    assert not torch.equal(network.state_dict()["hidden.1.0.weight"], model.weights["hidden.1.0.weight"])


@pytest.mark.parametrize("name", sorted(installed().names("optimizer")))
def test_every_optimizer_steps_beside_frozen_layers(name):
    plugin = installed().find(Optimizer, name)()
    model = earlier(MLP(hidden=[4, 3]))
    network = going_on(model, freeze_until="hidden.0").build(TABLE, 3)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = plugin.build_for(network, trained)
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {id(p) for p in trained}
    inputs, truth = batch(), torch.arange(16) % 3

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(*inputs), truth)
        if plugin.second_order:
            loss.backward(create_graph=False, retain_graph=True)
        else:
            loss.backward()
        return loss

    for _ in range(2):
        if plugin.needs_closure:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()
    for key, value in network.state_dict().items():
        if key.startswith("hidden.0"):
            assert torch.equal(value, model.weights[key]), key
    assert all(p.grad is None for key, p in network.named_parameters() if key.startswith("hidden.0"))
    assert any(not torch.equal(p, model.weights[key]) for key, p in network.named_parameters() if p.requires_grad)
