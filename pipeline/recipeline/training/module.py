"""The LightningModule: one step, its loss, its metrics. A list of what happens, the parts are the plugins'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from torch import nn
from torchmetrics import Metric, MetricCollection

from recipeline.data.batches import Batches
from recipeline.errors import Problem, TrainingError
from recipeline.families.spec import Length, TargetSpec
from recipeline.network import build_network, probabilities
from recipeline.recipe.model import Recipe
from recipeline.training.schedule import schedules

if TYPE_CHECKING:
    from recipeline.data.prepared import PreparedData


def _metrics(recipe: Recipe, target: TargetSpec) -> MetricCollection:
    built: dict[str, Metric | MetricCollection] = {m.plugin_name: m.build(target) for m in recipe.metrics or []}
    # Each keeps its own counts: sharing them is guessed from the first batch's values.
    return MetricCollection(built, compute_groups=False)


Batch = tuple[tuple[torch.Tensor, ...], torch.Tensor]


class TrainingModule(pl.LightningModule):
    """Trains the network of a recipe. The recipe's optional parts must be filled in."""

    network: nn.Module

    def __init__(self, recipe: Recipe, data: PreparedData) -> None:
        super().__init__()
        assert recipe.loss is not None
        self.recipe = recipe
        self.target = data.target
        self.restore_target = data.pipeline.restore_target
        self.loss = recipe.loss.build(data.target)
        self.validation_metrics = _metrics(recipe, data.target)
        self.test_metrics = _metrics(recipe, data.target)
        self.inputs = data.inputs
        self._sums = {part: torch.zeros(2, dtype=torch.float64) for part in ("train", "val", "test")}

    def configure_model(self) -> None:
        """Build the network, once: Lightning calls this before each of its stages."""
        if not hasattr(self, "network"):
            self.network = build_network(self.recipe, self.inputs, self.target)

    def configure_optimizers(self) -> Any:
        """The recipe's optimizer over the network's (and the loss's) parameters, and its schedulers."""
        assert self.recipe.optimizer is not None
        loss_parameters = list(self.loss.parameters()) if isinstance(self.loss, nn.Module) else []
        parameters = [p for p in [*self.network.parameters(), *loss_parameters] if p.requires_grad]
        optimizer = self.recipe.optimizer.build(parameters)
        for regularization in self.recipe.regularization:
            optimizer = regularization.wrap_optimizer(optimizer)
        return {"optimizer": optimizer} if self.recipe.scheduler is None else self._with_schedules(optimizer)

    def _with_schedules(self, optimizer: torch.optim.Optimizer) -> Any:
        assert self.recipe.scheduler is not None
        epochs = self.recipe.training.epochs
        steps = int(self.trainer.estimated_stepping_batches) // epochs
        return [optimizer], schedules(self.recipe.scheduler, optimizer, Length(epochs, steps))

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss of a mini-batch, penalties added; `train/loss` is reported without them, to compare."""
        inputs, target = batch
        for regularization in self.recipe.regularization:
            inputs, target = regularization.augment(inputs, target)
        loss = self.loss(self.network(*inputs), target)
        if not torch.isfinite(loss):
            self._diverged(loss, batch_idx)
        self._count("train", loss, len(target))
        for regularization in self.recipe.regularization:
            penalty = regularization.penalty(self.network)
            if penalty is not None:
                loss = loss + penalty
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics of a batch of the validation part."""
        self._evaluate(batch, "val", self.validation_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics of a batch of the test part."""
        self._evaluate(batch, "test", self.test_metrics)

    def on_train_epoch_start(self) -> None:
        """Tell the batches which epoch it is: their order is a function of seed and epoch."""
        loader = self.trainer.train_dataloader
        if isinstance(loader, Batches):
            loader.set_epoch(self.current_epoch)

    def log_train_epoch(self) -> None:
        """Log the epoch's mean loss. Called by `Watch`, before other callbacks look at the epoch's numbers."""
        self.log("train/loss", self._mean_loss("train"))

    def on_validation_epoch_end(self) -> None:
        """Log loss and metrics of the validation part, every row counted once."""
        self._log_part("val", self.validation_metrics)

    def on_test_epoch_end(self) -> None:
        """Log loss and metrics of the test part, every row counted once."""
        self._log_part("test", self.test_metrics)

    def _evaluate(self, batch: Batch, part: str, metrics: MetricCollection) -> None:
        inputs, target = batch
        outputs = self.network(*inputs)
        self._count(part, self.loss(outputs, target), len(target))
        prediction = probabilities(outputs.float(), self.target.task)
        if self.target.task == "binary":
            prediction = prediction[:, 1]
        elif not self.target.classes:
            prediction, target = self.restore_target(prediction), self.restore_target(target)
        metrics.update(prediction, target)

    def _log_part(self, part: str, metrics: MetricCollection) -> None:
        # The test part is judged once, after the training: a number of the run, not a point of a curve.
        curve = part != "test"
        self.log(f"{part}/loss", self._mean_loss(part), logger=curve)
        for name, value in metrics.compute().items():
            self.log(f"{part}/{name}", value.float(), logger=curve)
        metrics.reset()

    def _count(self, part: str, loss: torch.Tensor, examples: int) -> None:
        sums = self._sums[part]
        sums[0] += loss.detach().double().cpu() * examples
        sums[1] += examples

    def _mean_loss(self, part: str) -> torch.Tensor:
        sums = self.trainer.strategy.reduce(self._sums[part].clone().to(self.device), reduce_op="sum")
        self._sums[part].zero_()
        return (sums[0] / sums[1]).float()

    def _diverged(self, loss: torch.Tensor, batch_idx: int) -> None:
        raise TrainingError(
            Problem(
                f"the loss is no longer a finite number at epoch {self.current_epoch + 1}, batch {batch_idx + 1}",
                found=f"{loss.item()}",
                suggestion="Lower optimizer.lr, add the regularization gradient_clip, or normalize the inputs "
                "(preprocessing: standardize) and the target (normalize_target).",
            )
        )
