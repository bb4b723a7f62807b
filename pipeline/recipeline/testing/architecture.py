"""What an architecture promises: a network that trains, predicts single rows and can be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipeline.catalog import installed
from recipeline.data.earlier import earlier_of
from recipeline.families.architecture import Architecture
from recipeline.families.continued import Continued
from recipeline.families.spec import Block, InputSpec
from recipeline.recipe.model import Recipe, TrackingSettings
from recipeline.stages.earlier import with_earlier
from recipeline.testing.examples import ROWS, saved_and_loaded
from recipeline.testing.inputs import LONGEST, SEQUENCES, longer
from recipeline.testing.inputs import batch as made_up
from recipeline.testing.promises import holds, promised
from recipeline.testing.sequences import check_sequences

if TYPE_CHECKING:
    import torch
    from torch import nn


def check_architecture(architecture: Architecture, inputs: InputSpec | None) -> None:
    """Check an architecture on made-up columns, and without a table's of each kind that it takes, or on `inputs`.

    One that starts from an earlier model is checked on that model's inputs.
    """
    if isinstance(architecture, Continued):
        parts: dict[str, Any] = {"architecture": architecture, "tracking": TrackingSettings()}
        recipe = Recipe.model_construct(**parts)
        with promised(architecture, "finds its earlier model"):
            architecture = with_earlier(recipe, installed()).architecture
        earlier = earlier_of(architecture)
        inputs = inputs or (None if earlier is None else earlier.inputs)
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
        "image": Block(("photo",), (3, 16, 16)),
        "tokens": Block(("review",), (LONGEST,), (11,)),
        "series": Block(("left", "right"), (LONGEST, 2)),
        "lengths": Block(("lengths",), ()),
    }
    strange = [kind for kind in accepts if kind not in blocks]
    holds(
        not strange,
        architecture,
        f"takes blocks that there are: {', '.join(blocks)} (or give `inputs=`)",
        ", ".join(strange),
    )
    empty = Block((), (0,))
    sequences = [kind for kind in accepts if kind in SEQUENCES]
    # The lengths are those of one: a text, or a series.
    apart = len(sequences) > 1 and "lengths" in accepts
    for one in sequences if apart else [None]:
        others = [kind for kind in sequences if one is not None and kind != one]
        found = {kind: empty if kind in others else blocks[kind] for kind in accepts}
        where = f" with {one}" if others else ""
        if any(architecture.refuses(task) is None for task in architecture.tasks if task != "sequence"):
            _check_network(architecture, InputSpec(found), where)
            for lacking in [kind for kind in accepts if kind in ("numeric", "categorical")] if len(accepts) > 1 else ():
                _check_network(architecture, InputSpec(found | {lacking: empty}), f"{where} without {lacking}")
        if "sequence" in architecture.tasks and architecture.refuses("sequence") is None:
            bare = {kind: empty if kind in ("numeric", "categorical") else block for kind, block in found.items()}
            for given in (found, bare):
                check_sequences(architecture, InputSpec(given), where)


def _check_network(architecture: Architecture, inputs: InputSpec, where: str = "") -> None:
    import torch

    outputs = 3

    def build(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return architecture.build(inputs, outputs)

    def batch(rows: int, seed: int) -> tuple[torch.Tensor, ...]:
        return made_up(architecture.accepts, inputs, rows, seed)

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
    if "lengths" in architecture.accepts:
        with torch.no_grad(), promised(architecture, "takes a batch that is filled up further"):
            further = network(*longer(batch(ROWS, 1), architecture.accepts))
        holds(
            torch.allclose(further, many, rtol=1e-4, atol=1e-5),
            architecture,
            "predicts a row the same way however far it is filled up",
        )
