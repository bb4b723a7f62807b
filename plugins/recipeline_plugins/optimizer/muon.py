"""Muon: the momentum of a matrix, made orthogonal."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from recipeline import Optimizer, Problem, RecipeError
from recipeline_plugins.optimizer.decayed import Decayed

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer


class Muon(Optimizer, name="muon"):
    """Steps of matrices made orthogonal, so that every direction moves alike; AdamW for everything else.

        B = momentum B + (1 - momentum) g        G = momentum B + (1 - momentum) g, without nesterov G = B
        O = U V' of G = U S V', nearly: from X = G / ||G||, five times  X = a X + (b A + c A²) X,  A = X X'
        W = W - lr weight_decay W - lr s O       (a, b, c) = (3.4445, -4.7750, 2.0315)

    s is 0.2 sqrt(max(rows, columns)), which makes the step as large as AdamW's (Liu et al. 2025, Muon is Scalable for
    LLM Training), or with scale: original sqrt(max(1, rows / columns)) as Jordan et al. 2024 have it (Muon: An
    Optimizer for Hidden Layers). A kernel counts as a matrix of its first dimension by all others. Vectors,
    embeddings, and what `companion` names (Jordan et al. leave the output layer out, too) take AdamW's steps with
    the same `lr`. The iteration leaves singular values between about 0.7 and 1.2. On a GPU it is done in bfloat16.
    """

    example = """
        optimizer: {type: muon, lr: 0.001, companion: ["output.*"]}      # the output layer takes AdamW's steps
        scheduler: linear
    """

    momentum: float = Field(default=0.95, ge=0, lt=1)
    """Memory of the gradient's mean: 0.95 averages about twenty steps."""
    nesterov: bool = True
    """Take the momentum where it is about to lead."""
    scale: Literal["adamw", "original"] = "adamw"
    """Size of a step: as AdamW's, so that its rates suit; or as first published, with rates of about 0.02."""
    iterations: PositiveInt = Field(default=5, le=20)
    """Steps of the iteration that makes a matrix orthogonal."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Share of the weights that lr takes off in a step, the companion's too."""
    decayed: Decayed = "weights"
    """weights leaves biases and the parameters of normalizations out of the decay; all takes every parameter."""
    companion: list[str] = Field(default=[])
    """Names of further parameters for AdamW, `*` for anything: the output layer's, for instance `output.*`."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """The companion's memory of the gradient's mean."""
    beta2: float = Field(default=0.95, ge=0, lt=1)
    """The companion's memory of the squared gradient's mean."""
    eps: PositiveFloat = 1e-8
    """Keeps the companion's division finite."""

    def build(self, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """Muon for everything of two dimensions or more, AdamW for the rest."""
        return self._over(parameters, set())

    def build_for(self, network: nn.Module, parameters: Sequence[nn.Parameter]) -> TorchOptimizer:
        """The same, with embeddings and what `companion` names left to AdamW.

        Raises:
            RecipeError: a pattern fits no parameter.
        """
        from torch import nn

        tables = (nn.Embedding, nn.EmbeddingBag)
        apart = {id(p) for m in network.modules() if isinstance(m, tables) for p in m.parameters(recurse=False)}
        named = dict(network.named_parameters())
        for number, pattern in enumerate(self.companion):
            fitting = {id(p) for name, p in named.items() if fnmatchcase(name, pattern)}
            if not fitting:
                raise RecipeError(
                    Problem(
                        "no parameter has such a name",
                        path=f"optimizer.companion[{number}]",
                        found=repr(pattern),
                        suggestion=f"There are: {', '.join(list(named)[:12])}{', ...' if len(named) > 12 else ''}.",
                    )
                )
            apart |= fitting
        return self._over(parameters, apart)

    def _over(self, parameters: Sequence[nn.Parameter], apart: set[int]) -> TorchOptimizer:
        from recipeline_plugins.optimizer.decayed import groups
        from recipeline_plugins.optimizer.muon_steps import MuonSteps

        matrices = [p for p in parameters if p.ndim > 1 and id(p) not in apart]
        others = [p for p in parameters if p.ndim <= 1 or id(p) in apart]
        made = [
            {**group, "orthogonal": orthogonal}
            for own, orthogonal in ((matrices, True), (others, False))
            for group in groups(own, self.weight_decay, self.decayed)
            if own
        ]
        return MuonSteps(
            made,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            scale=self.scale,
            iterations=self.iterations,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
        )
