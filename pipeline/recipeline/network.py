"""The network of a recipe, and the way from its outputs to answers: the same for training and for serving."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from recipeline.data.arrays import LENGTHS, PADDED, cut_to_longest
from recipeline.data.packed import widened
from recipeline.decoding import most_probable
from recipeline.families.loss import Loss
from recipeline.families.spec import InputSpec, TargetSpec
from recipeline.recipe.model import Recipe

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from recipeline.data.pipeline import FittedPipeline


def build_network(recipe: Recipe, inputs: InputSpec, target: TargetSpec) -> nn.Module:
    """The architecture, rewritten by the regularizations in the recipe's order."""
    if target.task == "sequence":
        network = recipe.architecture.build_sequence(inputs, target)
    else:
        network = recipe.architecture.build_for(inputs, outputs_of(recipe.loss, target), target)
    for regularization in recipe.regularization:
        network = regularization.rewrite(network)
    return network


def outputs_of(loss: Loss | None, target: TargetSpec) -> int:
    """Width of the network's output: as many as the loss wants, else as the target has."""
    return loss.outputs(target) if loss is not None else target.outputs


def predictions(outputs: torch.Tensor, target: TargetSpec, loss: Loss | None) -> torch.Tensor:
    """Logits to probabilities of the same shape; of other tasks the values that the loss learns, (batch, targets).

    Computed in float64 where the device has it, so that the probabilities of a row sum to 1 and don't depend on
    the rows beside it.
    """
    if target.is_classes:
        return outputs.double().softmax(dim=1)
    if target.task == "multilabel":
        return outputs.double().sigmoid()
    return outputs if loss is None else loss.link(outputs, target)


def unpacked(block: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A block as the network takes it: bytes, which images are kept as, become numbers from 0 to 1.

    Done where the network is, because bytes are a quarter of what there is to move.
    """
    return block.to(dtype).div_(255) if block.dtype == torch.uint8 else block


def _moved(block: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The block on the network's device, numbers in its precision; category codes stay whole."""
    there = block.to(like.device, like.dtype if block.is_floating_point() else block.dtype)
    return unpacked(there, like.dtype)


def examples(inputs: InputSpec, rows: int, like: torch.Tensor, target: TargetSpec | None = None) -> list[torch.Tensor]:
    """Rows of zeros, as long as the longest: what a network is tried on. Numbers and device are those of `like`.

    One that says a sequence, as `target` tells, is told as many tokens as the longest has.
    """
    longest = next((block.shape[0] for kind, block in inputs.blocks.items() if kind in PADDED and block.shape), 0)
    made = []
    for kind, block in inputs.blocks.items():
        dtype = torch.int64 if kind in ("categorical", "tokens", LENGTHS) else like.dtype
        value = longest if kind == LENGTHS else 0
        made.append(torch.full((rows, *block.shape), value, dtype=dtype, device=like.device))
    if target is not None and target.task == "sequence":
        made.append(torch.zeros(rows, target.longest + 1, dtype=torch.int64, device=like.device))
    return made


@torch.inference_mode()
def for_answers(network: nn.Module, inputs: InputSpec, target: TargetSpec) -> nn.Module:
    """The network that answers in place of the trained one: of a table a copy in float64, of arrays itself.

    Another batch size means other kernels, which round otherwise. In float32 that shows in the seventh digit of an
    answer, so that a row asked alone would not get what it got among others; in float64 it is far below what anybody
    reads. A table's network takes about twice as long that way, which is little; convolutions take four times as
    long. A network that makes float32 tensors of its own can't be run so, and answers as it was trained.

    One that says a sequence is run in float64 whatever it reads: where two tokens are about as probable, the seventh
    digit would decide which is said, and with it all that follows.

    A compiled network answers as it is without, because nobody compiles it to serve it.
    """
    if getattr(network, "_compiled_call_impl", None) is not None:
        network = copy.deepcopy(network)  # a copy isn't compiled
    if not (target.task == "sequence" or inputs.blocks.keys() <= {"numeric", "categorical"}):
        return network
    like = next(network.parameters(), torch.empty(0))
    if like.device.type not in ("cpu", "cuda"):  # the others have no float64
        return network
    try:
        exact = copy.deepcopy(network).double().eval()
        exact(*examples(inputs, 2, torch.empty(0, dtype=torch.float64, device=like.device), target))
    except RuntimeError:
        return network
    return exact


@torch.inference_mode()
def answers(
    network: nn.Module,
    blocks: Sequence[np.ndarray],
    pipeline: FittedPipeline,
    target: TargetSpec,
    batch_size: int,
    loss: Loss | None = None,
) -> torch.Tensor:
    """Probabilities (rows, classes), or values (rows, targets) in the target's original unit; float64 on the CPU.

    Of sequences (rows, 1 + longest): the logarithm of the answer's probability, then its codes.

    The network is run in evaluation mode on its own device and in its own precision (`for_answers` chooses them), in
    batches cut in order; tokens and series are cut to the longest row of their batch.
    """
    like = next(network.parameters(), torch.empty(0))
    training = network.training
    network.eval()
    found = []
    for start in range(0, len(blocks[0]), batch_size):
        cut = cut_to_longest(tuple(widened(block[start : start + batch_size]) for block in blocks), pipeline.accepts)
        batch = [_moved(torch.from_numpy(block), like) for block in cut]
        if target.task == "sequence":
            said, chance = most_probable(network, batch, target.longest)
            found.append(torch.cat([chance[:, None], said.double()], dim=1).cpu())
            continue
        outputs = network(*batch)
        outputs = outputs if outputs.dtype == torch.float64 else outputs.float()
        found.append(predictions(outputs, target, loss).double().cpu())
    network.train(training)
    joined = torch.cat(found) if found else torch.empty(0, target.outputs, dtype=torch.float64)
    return joined if target.classes else pipeline.restore_target(joined)
