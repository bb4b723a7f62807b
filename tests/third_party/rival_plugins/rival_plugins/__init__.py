"""Two losses whose names others have taken: a built-in's, and acme's."""

from collections.abc import Sequence

from pydantic import PositiveFloat

from recipeline import Loss, LossFunction, Plugin, TargetSpec, hookimpl


class RivalMse(Loss, name="mse"):
    """The mean squared error, of another house."""

    tasks = frozenset({"regression"})

    def build(self, target: TargetSpec) -> LossFunction:
        """Torch's own."""
        from torch.nn.functional import mse_loss

        return mse_loss


class RivalLopsided(Loss, name="lopsided"):
    """Absolute error, `above` times as much for too much."""

    tasks = frozenset({"regression"})
    above: PositiveFloat = 3.0
    """How much worse too much is than too little."""

    def build(self, target: TargetSpec) -> LossFunction:
        """The mean over the batch."""
        return lambda prediction, truth: ((truth - prediction).relu() + self.above * (prediction - truth).relu()).mean()


@hookimpl
def recipeline_plugins() -> Sequence[type[Plugin]]:
    """Both."""
    return [RivalMse, RivalLopsided]
