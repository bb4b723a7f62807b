"""What an architecture promises: a network that trains, predicts single rows and can be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipeline.families.architecture import Architecture
from recipeline.families.spec import Block, InputSpec
from recipeline.testing.examples import ROWS, saved_and_loaded
from recipeline.testing.promises import holds, promised

if TYPE_CHECKING:
    import torch
    from torch import nn


def check_architecture(architecture: Architecture, inputs: InputSpec | None) -> None:
    """Check an architecture on made-up columns, and without those of each kind that it takes, or on `inputs`."""
    accepts: Any = architecture.accepts
    holds(
        isinstance(accepts, tuple) and bool(accepts) and all(isinstance(kind, str) for kind in accepts),
        architecture,
        "says in `accepts` which kinds of block it takes, as a tuple of words",
        repr(accepts),
    )
    if inputs is not None:
        _check_network(architecture, inputs)
        return
    blocks = {
        "numeric": Block(tuple("abcde"), (5,)),
        "categorical": Block(("k", "l", "m"), (3,), (3, 4, 7)),
    }
    strange = [kind for kind in accepts if kind not in blocks]
    holds(not strange, architecture, "takes the columns of a table (or give `inputs=`)", ", ".join(strange))
    _check_network(architecture, InputSpec({kind: blocks[kind] for kind in accepts}))
    for lacking in accepts if len(accepts) > 1 else ():
        empty = Block((), (0,))
        _check_network(
            architecture, InputSpec({k: empty if k == lacking else blocks[k] for k in accepts}), f" without {lacking}"
        )


def _check_network(architecture: Architecture, inputs: InputSpec, where: str = "") -> None:
    import torch

    outputs = 3

    def build(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return architecture.build(inputs, outputs)

    def batch(rows: int, seed: int) -> tuple[torch.Tensor, ...]:
        generator = torch.Generator().manual_seed(seed)
        return tuple(_block(kind, inputs, rows, generator) for kind in architecture.accepts)

    with promised(architecture, f"builds a network{where}"):
        network, twin = build(1), build(1)
    holds(isinstance(network, torch.nn.Module), architecture, "builds an nn.Module", type(network).__name__)
    ours, theirs = network.state_dict(), twin.state_dict()
    holds(
        ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours),
        architecture,
        "starts from the same numbers for the same seed",
    )
    network.train()
    truth = torch.randn(ROWS, outputs, generator=torch.Generator().manual_seed(0))
    for rows, seed in ((ROWS, 1), (5, 2)):
        with promised(architecture, f"takes two batches{where}"):
            out = network(*batch(rows, seed))
        holds(tuple(out.shape) == (rows, outputs), architecture, "returns (batch, outputs)", str(tuple(out.shape)))
        holds(bool(out.isfinite().all()), architecture, "returns finite numbers")
        (out - truth[:rows]).square().mean().backward()
    cut = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    holds(not cut, architecture, "lets gradients reach every trainable parameter", ", ".join(cut))

    network.eval()
    fresh = build(2)
    with promised(architecture, "has weights that survive save and load"):
        fresh.load_state_dict(saved_and_loaded(network.state_dict()))
    fresh.eval()
    with torch.no_grad(), promised(architecture, f"predicts a batch of one row{where}"):
        many = network(*batch(ROWS, 1))
        loaded = fresh(*batch(ROWS, 1))
        one = network(*(block[:1] for block in batch(ROWS, 1)))
    holds(torch.equal(many, loaded), architecture, "has weights that survive save and load: same predictions")
    holds(
        one.shape == (1, outputs) and torch.allclose(one, many[:1], rtol=1e-4, atol=1e-5),
        architecture,
        "predicts a row the same way whatever rows stand beside it",
    )


def _block(kind: str, inputs: InputSpec, rows: int, generator: torch.Generator) -> torch.Tensor:
    import torch

    block = inputs.blocks[kind]
    if kind == "categorical":
        codes = [torch.randint(0, n, (rows, 1), generator=generator) for n in block.cardinalities]
        return torch.cat(codes, dim=1) if codes else torch.empty(rows, 0, dtype=torch.int64)
    return torch.randn(rows, *block.shape, generator=generator)
