from typing import Any

import pytest
import torch
from pydantic import ValidationError

from recipeline import Block, InputSpec, RecipeError
from recipeline_plugins.architecture.mlp import MLP

NUMERIC = Block(("a", "b", "c"), (3,))
CODES = Block(("k", "l"), (2,), (4, 100))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": [0]}, "greater than 0"),
        ({"hidden": [2.5]}, "valid integer"),
        ({"hidden": 64}, "valid list"),
        ({"activation": "rleu"}, "'relu', 'leaky_relu'"),
        ({"normalization": "group"}, "'none', 'batch' or 'layer'"),
        ({"dropout": 1.0}, "less than 1"),
        ({"dropout": -0.1}, "greater than or equal to 0"),
        ({"residual": 1}, "valid boolean"),
        ({"embedding": 0}, "greater than 0"),
        ({"embedding": "small"}, "'auto'"),
        ({"layers": 2}, "Extra inputs are not permitted"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MLP.model_validate(settings)


@pytest.mark.parametrize("inputs", [InputSpec({}), InputSpec({"numeric": Block((), (0,))})])
def test_says_that_there_are_no_inputs(inputs: InputSpec) -> None:
    with pytest.raises(RecipeError, match="'mlp' has no inputs: no numeric and no categorical feature is left"):
        MLP().build(inputs, 2)


@pytest.mark.parametrize(
    ("settings", "parameters"),
    [
        ({"hidden": [5, 4]}, (3 * 5 + 5) + (5 * 4 + 4) + (4 * 2 + 2)),
        ({"hidden": []}, 3 * 2 + 2),
        ({"hidden": [5], "normalization": "batch"}, (3 * 5 + 5) + 2 * 5 + (5 * 2 + 2)),
        ({"hidden": [5], "residual": True}, (3 * 5 + 5) + 3 * 5 + (5 * 2 + 2)),
        ({"hidden": [3], "residual": True}, (3 * 3 + 3) + (3 * 2 + 2)),
    ],
)
def test_has_the_parameters_of_its_formula(settings: dict[str, Any], parameters: int) -> None:
    network = MLP.model_validate(settings).build(InputSpec({"numeric": NUMERIC}), 2)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("embedding", "sizes"), [("auto", [3, 50]), (2, [2, 2])])
def test_embeds_categories(embedding: int | str, sizes: list[int]) -> None:
    inputs = InputSpec({"numeric": NUMERIC, "categorical": CODES})
    network: Any = MLP.model_validate({"hidden": [5], "embedding": embedding}).build(inputs, 2)
    assert [tuple(table.weight.shape) for table in network.embeddings] == [(4, sizes[0]), (100, sizes[1])]
    assert network.hidden[0][0].in_features == 3 + sum(sizes)


@pytest.mark.parametrize(
    ("init", "variance"),
    [("he_normal", 2 / 256), ("he_uniform", 2 / 256), ("glorot_normal", 2 / 512), ("glorot_uniform", 2 / 512),
     ("lecun_normal", 1 / 256), ("orthogonal", 1 / 256), ("auto", 2 / 256)],
)  # fmt: skip
def test_hidden_weights_start_as_they_are_told(init: Any, variance: float) -> None:
    torch.manual_seed(0)
    inputs = InputSpec({"numeric": Block(tuple(map(str, range(256))), (256,)), "categorical": Block((), (0,))})
    network = MLP(hidden=[256], init=init).build(inputs, 2)
    weight = network.get_parameter("hidden.0.0.weight").detach()
    assert weight.var().item() == pytest.approx(variance, rel=0.03)
    if init == "orthogonal":
        torch.testing.assert_close(weight @ weight.T, torch.eye(256), atol=1e-4, rtol=0)
