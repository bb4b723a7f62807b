"""`pretrained`: a network that was trained before, trained further on other rows or for another question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from recipeline import Continued, InputSpec, Problem, RecipeError, TargetSpec

if TYPE_CHECKING:
    from torch import nn


class Pretrained(Continued, name="pretrained"):
    """A network that an earlier run has trained, trained further: for few rows, or for another question.

    Takes that run's layers and weights, from MLflow (`run`, `model`) or from a `folder`, and puts a new head on where
    the answers are others. The head is what depends on how many outputs there are. It reads weights.safetensors and
    model.json, and runs nothing that it finds.

    Frozen layers get no gradient and keep their weights to the byte. They work as when the model predicts: norms use
    the mean and spread that they have, dropout leaves nothing out. Preprocessing steps with the settings and columns
    that they had before keep what they had learnt; leave preprocessing out to have all of them. The model that comes
    out serves by itself. Combines badly with a large learning rate, which forgets what was learnt: a tenth of the
    usual one, or `groups` of the optimizer with a smaller one for the first layers.

    Yosinski, Clune, Bengio & Lipson 2014, How Transferable Are Features in Deep Neural Networks?
    """

    example = """
        data:
          source: {type: image_folder, path: foxes}      # few images
          target: label
        architecture: {type: pretrained, run: animals, freeze_until: head}      # a new head on what that run learnt
        optimizer: {type: adamw, lr: 1e-4}
    """

    head: Literal["auto", "keep", "new"] = "auto"
    """Whose last layer: the earlier model's, or a new one. auto: the earlier one's where task and classes are the
    same, or a regression has as many targets."""
    freeze_until: str | None = Field(default=None, min_length=1)
    """The last layer that keeps its weights, with all before it in the order of the network's own list, such as
    `image.0`; `head` freezes all but the head. By default everything is trained."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        """The earlier model's network with its weights, for these inputs and as many outputs."""
        return self._network(inputs, outputs, same=True)

    def build_for(self, inputs: InputSpec, outputs: int, target: TargetSpec) -> nn.Module:
        """As `build`; another task or other classes get a new head, however many there are."""
        then = self.brought().target
        return self._network(inputs, outputs, same=(then.task, then.classes) == (target.task, target.classes))

    def _network(self, inputs: InputSpec, outputs: int, *, same: bool) -> nn.Module:
        from recipeline_plugins.architecture.pretrained_network import continued

        earlier = self.brought()
        as_many = outputs == earlier.outputs
        if self.head == "keep" and not as_many:
            raise RecipeError(
                Problem(
                    f"the earlier model's head has {earlier.outputs} outputs, and {outputs} are needed here",
                    path="architecture.head",
                    found="keep",
                    suggestion="Write head: new, or leave it out.",
                )
            )
        keep = self.head == "keep" or (self.head == "auto" and as_many and same)
        return continued(earlier, inputs, outputs, keep_head=keep, freeze_until=self.freeze_until)
