"""The LightningModule: one step, its loss, its metrics. A list of what happens, the parts are the plugins'."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytorch_lightning as pl
import torch
from torch import nn
from torchmetrics import MetricCollection

from recipeline.data.batches import Batches
from recipeline.decoding import before, counted, most_probable
from recipeline.errors import Problem, TrainingError
from recipeline.families.loss import Attached, Reported
from recipeline.families.metric import ComparesWithTrain
from recipeline.families.regularization import Regularization
from recipeline.families.spec import Length
from recipeline.network import build_network, predictions, unpacked
from recipeline.recipe.model import Recipe
from recipeline.training.finite import first_bad, trace
from recipeline.training.groups import give_rates
from recipeline.training.guard import error
from recipeline.training.schedule import schedules
from recipeline.training.several import Chunk, Chunks, SeveralSteps
from recipeline.training.shards import give_shape, someone_is_idle

if TYPE_CHECKING:
    from recipeline.data.prepared import PreparedData


def _metrics(recipe: Recipe, data: PreparedData) -> MetricCollection:
    # Each keeps its own counts: sharing them is guessed from the first batch's values.
    built = MetricCollection({}, compute_groups=False)
    for metric in recipe.metrics or []:  # one by one: of several at once it would forget the recipe's order
        made = metric.build(data.target)
        if isinstance(made, ComparesWithTrain):
            truth = torch.tensor(data.parts["train"].target)
            truth = truth if data.target.classes else data.pipeline.restore_target(truth)
            if data.series is None:
                made.learn(truth)
            else:
                made.learn(truth, torch.tensor(data.series))
        built.add_metrics({metric.plugin_name: made})
    return built


Batch = tuple[tuple[torch.Tensor, ...], torch.Tensor]


def _no_value(metric: str, value: float, epoch: int) -> TrainingError:
    return TrainingError(
        Problem(
            f"the metric {metric} is not finite at epoch {epoch}",
            found=str(value),
            suggestion="It may have no value on this part: leave it out of `metrics`, or take training.on_nonfinite: "
            "skip, which leaves such values out.",
        )
    )


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
        self.validation_metrics = _metrics(recipe, data)
        self.test_metrics = _metrics(recipe, data)
        self.inputs = data.inputs
        self._counted = (-1, -1)
        # Asked once: looking a protocol up costs as much as a layer.
        loss: object = self.loss
        self._reported = loss.reported if isinstance(loss, Reported) else None
        self._repeats = (recipe.optimizer is not None and recipe.optimizer.needs_closure) or any(
            regularization.needs_closure for regularization in recipe.regularization
        )
        self._numbers = torch.get_default_dtype()
        self._added = list(recipe.regularization)
        self._differentiable: torch.Tensor | None = None
        self.trying = self.dropped = False
        self.spoiled: str | None = None
        self._careful = recipe.training.on_nonfinite != "stop"
        self._at = 0
        self._rows: tuple[int, ...] = ()
        self._before: list[torch.Tensor] = []
        # Loss times what it is the mean of (rows, or tokens); these; rows.
        self._sums = {part: [0.0, 0.0, 0.0] for part in ("train", "val", "test")}
        self._augmenting = [r for r in recipe.regularization if type(r).augment is not Regularization.augment]
        self.several: SeveralSteps | None = None
        self._done_before = 0
        self.schedules: list[dict[str, Any]] = []

    def configure_model(self) -> None:
        """Build the network, once: Lightning calls this before each of its stages."""
        if not hasattr(self, "network"):
            self.network = build_network(self.recipe, self.inputs, self.target)
            if isinstance(self.loss, Attached):
                self.loss.attach(self.network)

    def on_after_batch_transfer(self, batch: Batch | Chunk, dataloader_idx: int) -> Batch | Chunk:
        """Make a batch ready, now that it is where the network is; those of a chunk are made ready one by one."""
        return batch if isinstance(batch, Chunk) else self.ready(batch)

    def ready(self, batch: Batch) -> Batch:
        """Images as numbers from 0 to 1, where they are bytes."""
        inputs, target = batch
        return tuple([unpacked(block, self._numbers) for block in inputs]), target

    def configure_optimizers(self) -> Any:
        """The recipe's optimizer over the network's (and the loss's) parameters, and its schedulers."""
        plugin = self.recipe.optimizer
        assert plugin is not None
        named = dict(self.network.named_parameters())
        if isinstance(self.loss, nn.Module):
            named |= {f"loss.{name}": p for name, p in self.loss.named_parameters()}
        named = {name: p for name, p in named.items() if p.requires_grad}
        optimizer = plugin.build_for(self.network, list(named.values()))
        give_rates(optimizer, plugin.groups, named)
        self._added = []
        for regularization in self.recipe.regularization:
            proximal = regularization.proximal(self.network)
            if not (proximal and plugin.take_over(optimizer, proximal)):
                self._added.append(regularization)
        for regularization in self.recipe.regularization:
            optimizer = regularization.wrap_optimizer(optimizer)
        return {"optimizer": optimizer} if self.recipe.scheduler is None else self._with_schedules(optimizer)

    def _with_schedules(self, optimizer: torch.optim.Optimizer) -> Any:
        assert self.recipe.scheduler is not None
        epochs = self.recipe.training.epochs
        steps = -(-self.batches_per_epoch() // self.recipe.training.accumulate)
        self.schedules = schedules(self.recipe.scheduler, optimizer, Length(epochs, steps))
        if self.automatic_optimization:
            return [optimizer], self.schedules
        # Lightning keeps their state, and leaves it to `several` when they move.
        return [optimizer], [described["scheduler"] for described in self.schedules]

    def batches_per_epoch(self) -> int:
        """Mini-batches of an epoch on this process."""
        loader = self.trainer.datamodule.train_dataloader()  # type: ignore[attr-defined]  # set by `fit`
        return len(loader.batches if isinstance(loader, Chunks) else loader)

    def training_step(self, batch: Batch | Chunk, batch_idx: int) -> torch.Tensor | None:
        """One mini-batch, or the several of a chunk, which are stepped through here."""
        if isinstance(batch, Chunk):
            assert self.several is not None
            self.several.run(batch)
            return None
        return self.loss_of(batch, batch_idx)

    def loss_of(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """The loss of a mini-batch, penalties added; `train/loss` is reported without them, to compare."""
        inputs, target = batch
        self._at, self._rows = batch_idx, ()
        was = [buffer.clone() for buffer in self.buffers()] if self._careful else []
        for regularization in self._augmenting:
            if regularization.soft_targets and self.target.is_classes and target.ndim == 1:
                target = nn.functional.one_hot(target, self.target.outputs).to(torch.get_default_dtype())
            inputs, target = regularization.augment(inputs, target)
        outputs = self._outputs(inputs, target)
        loss = self.loss(outputs, target)
        value = loss.item()
        first = not self._repeats or self._first_look(batch_idx)
        if not math.isfinite(value) and not self.trying:
            self._not_finite(inputs, target, outputs, was)
        elif first:
            if self._reported is not None:
                with torch.no_grad():
                    value = self._reported(outputs, target).item()
            self._count("train", value, target)
        for regularization in self._added:
            penalty = regularization.penalty(self.network)
            if penalty is not None:
                loss = loss + penalty
        return loss

    def _first_look(self, batch_idx: int) -> bool:
        """Whether the batch is seen for the first time.

        An optimizer that evaluates a batch several times must not have it counted several times; and where it tries
        how far a step may go, a loss that is not finite tells it that this is too far.
        """
        first = (self.current_epoch, batch_idx) != self._counted
        self._counted = (self.current_epoch, batch_idx)
        self.trying = not first and self.recipe.optimizer is not None and self.recipe.optimizer.needs_closure
        return first

    def backward(self, loss: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        """Keep the loss's graph for an optimizer that differentiates the gradient again."""
        if self.recipe.optimizer is not None and self.recipe.optimizer.second_order:
            self._differentiable = loss
            kwargs["retain_graph"] = True
        super().backward(loss, *args, **kwargs)

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """One step; what evaluates the loss itself gets it as it needs it, and must leave finite weights behind."""
        plugin = self.recipe.optimizer
        assert plugin is not None

        def differentiable() -> torch.Tensor | None:
            optimizer_closure()
            return self._differentiable

        optimizer.step(closure=differentiable if plugin.second_order else optimizer_closure)
        self._differentiable = None
        if plugin.needs_closure and (bad := first_bad(self.named_parameters())) is not None:
            raise error(f"the weights are no longer finite at {self.place()}", f"'{bad}'", self)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics of a batch of the validation part."""
        self._evaluate(batch, batch_idx, "val", self.validation_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and metrics of a batch of the test part."""
        self._evaluate(batch, batch_idx, "test", self.test_metrics)

    def on_train_epoch_start(self) -> None:
        """Tell the batches which epoch it is: their order is a function of seed and epoch."""
        loader = self.trainer.train_dataloader
        if isinstance(loader, Batches | Chunks):
            loader.set_epoch(self.current_epoch)
        if self.several is not None:
            self.several.start_epoch()

    def on_train_start(self) -> None:
        """Get ready for several mini-batches a step, where that was chosen."""
        self._look()
        loader = self.trainer.train_dataloader
        self.several = SeveralSteps(self, len(loader.batches)) if isinstance(loader, Chunks) else None
        if self.several is not None:
            self.several.done = self._done_before

    def progress(self) -> dict[str, Any]:
        """What the epoch under way has come to, and the gradients that wait for others to be added."""
        done = self.several.done if self.several is not None else int(self.trainer.fit_loop.batch_idx) + 1
        waiting = done % self.recipe.training.accumulate != 0
        gradients = {name: p.grad.clone() for name, p in self.named_parameters() if p.grad is not None}
        return {"done": done, "sums": list(self._sums["train"]), "gradients": gradients if waiting else {}}

    def go_on_from(self, progress: dict[str, Any]) -> None:
        """Take up such a state, before training starts."""
        self._done_before = progress["done"]
        self._sums["train"] = list(progress["sums"])
        for name, parameter in self.named_parameters():
            if name in progress["gradients"]:
                parameter.grad = progress["gradients"][name].to(parameter.device)

    def on_validation_start(self) -> None:
        """Get ready for batches of the validation part."""
        self._look()

    def on_test_start(self) -> None:
        """Get ready for batches of the test part."""
        self._look()

    def _look(self) -> None:
        self._numbers = next((p.dtype for p in self.network.parameters()), torch.get_default_dtype())

    def on_train_epoch_end(self) -> None:
        """Move the schedules that watch a metric."""
        if self.several is not None:
            self.several.end_epoch()

    def log_train_epoch(self) -> int:
        """Log the epoch's mean loss, and return its number of examples.

        Called by `Watch`, before other callbacks look at the epoch's numbers.
        """
        examples = int(self._sums["train"][2])
        self.log("train/loss", self._mean_loss("train"))
        return examples

    def on_validation_epoch_end(self) -> None:
        """Log loss and metrics of the validation part, every row counted once."""
        self._log_part("val", self.validation_metrics)

    def on_test_epoch_end(self) -> None:
        """Log loss and metrics of the test part, every row counted once."""
        self._log_part("test", self.test_metrics)

    def _evaluate(self, batch: Batch, batch_idx: int, part: str, metrics: MetricCollection) -> None:
        inputs, target = batch
        if not len(target):  # another process has rows left
            return
        outputs = self._outputs(inputs, target)
        value = self.loss(outputs, target).item()
        if part == "val" and not math.isfinite(value) and not self._careful:
            bad = trace(self.network, self.loss, self._shown(inputs, target), target, outputs)
            self._at, self._rows = batch_idx, bad.rows
            raise error(f"the validation loss is no longer a finite number at {self.place()}", bad.what, self)
        self._count(part, value, target)
        if self.target.task == "sequence":
            if metrics:
                said, _ = most_probable(self.network, inputs, self.target.longest)
                metrics.update(said, target)
            return
        prediction = predictions(outputs.float(), self.target, self.recipe.loss)
        if self.target.task == "binary":
            prediction = prediction[:, 1]
        elif not self.target.classes:
            prediction, target = self.restore_target(prediction), self.restore_target(target)
        metrics.update(prediction, target)

    def _log_part(self, part: str, metrics: MetricCollection) -> None:
        # The test part is judged once, after the training: a number of the run, not a point of a curve.
        curve = part != "test"
        loader = self.trainer.val_dataloaders if part == "val" else self.trainer.test_dataloaders
        if someone_is_idle(loader, self.trainer.world_size):
            give_shape(metrics)
        self.log(f"{part}/loss", self._mean_loss(part), logger=curve)
        for name, value in metrics.compute().items():
            if part == "val" and not self._careful and not math.isfinite(value):
                raise _no_value(f"val/{name}", float(value), self.current_epoch + 1)
            self.log(f"{part}/{name}", value.float(), logger=curve)
        metrics.reset()

    def _outputs(self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor) -> torch.Tensor:
        """What the network says; of a sequence at every step, told the true tokens before it."""
        outputs: torch.Tensor = self.network(*self._shown(inputs, target))
        return outputs

    def _shown(self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (*inputs, before(target)) if self.target.task == "sequence" else inputs

    def _count(self, part: str, loss: float, target: torch.Tensor) -> None:
        """Add a batch's mean loss, as heavy as what it is the mean of: rows, or the tokens of sequences."""
        weight = counted(target) if self.target.task == "sequence" else len(target)
        sums = self._sums[part]
        sums[0] += loss * weight
        sums[1] += weight
        sums[2] += len(target)

    def _mean_loss(self, part: str) -> torch.Tensor:
        found = torch.tensor(self._sums[part], dtype=torch.float64, device=self.device)
        self._sums[part] = [0.0, 0.0, 0.0]
        sums = self.trainer.strategy.reduce(found, reduce_op="sum")
        return (sums[0] / sums[1]).float()

    def _not_finite(
        self, inputs: tuple[torch.Tensor, ...], target: torch.Tensor, outputs: torch.Tensor, was: list[torch.Tensor]
    ) -> None:
        """Say where, or note it for the guard."""
        bad = trace(self.network, self.loss, self._shown(inputs, target), target, outputs)
        self._rows = bad.rows
        if not self._careful:
            raise error(f"the loss is no longer a finite number at {self.place()}", bad.what, self)
        if self.spoiled is None:
            self.spoiled, self._before = bad.what, was

    @torch.no_grad()
    def take_back(self) -> None:
        """Undo what the batches of a step that is left out have done to running means."""
        for buffer, value in zip(self.buffers(), self._before, strict=bool(self._before)):
            buffer.copy_(value)
        self._before = []

    def place(self) -> str:
        """Epoch, batch and optimizer step, counted from 1."""
        trainer = self._trainer  # there is none while a batch size is tried
        validating = trainer is not None and (trainer.validating or trainer.sanity_checking)
        made = 0 if trainer is None else int(trainer.global_step)
        step = "" if validating else f", optimizer step {made + 1}"
        return f"epoch {self.current_epoch + 1}, batch {self._at + 1}{step}"

    def rows_seen(self) -> list[int]:
        """The source's rows of what is under way, from 0: those in which it was not finite, or all of the step."""
        if self._trainer is None:
            return []
        training = self.trainer.training
        loader = self.trainer.train_dataloader if training else self.trainer.val_dataloaders
        batches = loader.batches if isinstance(loader, Chunks) else loader
        if not isinstance(batches, Batches):
            return []
        if self._rows:
            rows = batches.source_rows(self._at)
            return [rows[row] for row in self._rows if row < len(rows)]
        first = self._at - self._at % self.recipe.training.accumulate if training else self._at
        return [row for batch in range(first, self._at + 1) for row in batches.source_rows(batch)]
