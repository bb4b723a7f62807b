"""What an architecture promises that answers with sequences: no step knows what comes after it, no row another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recipeline.decoding import before, most_probable
from recipeline.families.architecture import Architecture, StepByStep
from recipeline.families.spec import PADDING, InputSpec
from recipeline.testing.examples import ROWS, SEQUENCE, saved_and_loaded, truth_for
from recipeline.testing.inputs import batch, longer
from recipeline.testing.promises import holds, promised

if TYPE_CHECKING:
    import torch
    from torch import nn


def check_sequences(architecture: Architecture, inputs: InputSpec, where: str = "") -> None:
    """Check an architecture's network for sequences on made-up rows and targets."""
    import torch

    def build(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return architecture.build_sequence(inputs, SEQUENCE)

    target = truth_for(SEQUENCE, ROWS, 1)
    heard = before(target)  # (batch, steps)
    with promised(architecture, f"builds a network for sequences{where}"):
        network = build(1)
    blocks = batch(architecture.accepts, inputs, ROWS, 1)
    with promised(architecture, f"takes a batch and the tokens before each step{where}"):
        out = network(*blocks, heard)
    wanted = (*target.shape, SEQUENCE.outputs)
    holds(tuple(out.shape) == wanted, architecture, "returns (batch, steps, tokens)", str(tuple(out.shape)))
    holds(bool(out.isfinite().all()), architecture, "returns finite logits")
    out.square().mean().backward()
    cut = [name for name, p in network.named_parameters() if p.requires_grad and p.grad is None]
    holds(not cut, architecture, "lets gradients reach every trainable parameter", ", ".join(cut))

    network = network.double().eval()
    blocks = tuple(block.double() if block.is_floating_point() else block for block in blocks)
    with torch.no_grad():
        _check_order(architecture, network, blocks, heard)
        _check_rows(architecture, network, blocks, heard)
        if isinstance(network, StepByStep):
            _check_steps(architecture, network, blocks, heard)
        with promised(architecture, "has weights that survive save and load"):
            fresh = build(2).double().eval()
            fresh.load_state_dict(saved_and_loaded(network.state_dict()))
            same = torch.equal(fresh(*blocks, heard), network(*blocks, heard))
        holds(same, architecture, "has weights that survive save and load: same logits")
        with promised(architecture, "answers with a sequence"):
            together, _ = most_probable(network, blocks, SEQUENCE.longest)
            alone, _ = most_probable(network, tuple(block[:1] for block in blocks), SEQUENCE.longest)
        holds(
            torch.equal(together[:1], alone), architecture, "answers a row the same way whatever rows stand beside it"
        )


def _check_order(
    architecture: Architecture, network: nn.Module, blocks: tuple[torch.Tensor, ...], heard: torch.Tensor
) -> None:
    import torch

    out = network(*blocks, heard)
    for step in range(1, heard.shape[1]):
        changed = heard.clone()
        changed[:, step:] = (changed[:, step:] + 1) % SEQUENCE.outputs
        other = network(*blocks, changed)
        holds(
            torch.allclose(other[:, :step], out[:, :step], rtol=1e-9, atol=1e-9),
            architecture,
            "gives logits that no later token has an influence on",
            f"step {step}",
        )
        holds(not torch.allclose(other[:, step], out[:, step]), architecture, "listens to the tokens before a step")


def _check_rows(
    architecture: Architecture, network: nn.Module, blocks: tuple[torch.Tensor, ...], heard: torch.Tensor
) -> None:
    import torch

    out = network(*blocks, heard)
    one = network(*(block[:1] for block in blocks), heard[:1])
    holds(
        torch.allclose(one, out[:1], rtol=1e-9, atol=1e-9),
        architecture,
        "predicts a row the same way whatever rows stand beside it",
    )
    padded = torch.nn.functional.pad(heard, (0, 2), value=PADDING)
    further = network(*longer(blocks, architecture.accepts), padded)[:, : heard.shape[1]]
    holds(
        torch.allclose(further, out, rtol=1e-9, atol=1e-9),
        architecture,
        "predicts a row the same way however far it and its target are filled up",
    )


def _check_steps(
    architecture: Architecture, network: StepByStep, blocks: tuple[torch.Tensor, ...], heard: torch.Tensor
) -> None:
    import torch

    with promised(architecture, "goes step by step"):
        memory = network.begin(*blocks)
        steps = torch.stack([network.step(memory, heard[:, place]) for place in range(heard.shape[1])], dim=1)
    whole = network(*blocks, heard)  # type: ignore[operator]  # it is a module too
    holds(
        torch.allclose(steps, whole, rtol=1e-9, atol=1e-9),
        architecture,
        "says step by step what it says of all steps at once",
    )
