"""The small table trained by plain Lightning, as its documentation shows it or with all that can be switched off.

Usage: fit_by_lightning.py FOLDER EPOCHS {docs|sliced|csv|mlflow}

docs: a DataLoader, the loss logged at each step, progress bar, checkpoints, early stopping, the CSV logger.
sliced: batches cut from whole tensors, fused Adam; no logger, no bar, no checkpoint. Validation as everywhere.
csv: as docs, and pandas reads and scikit-learn standardizes the CSV first.
mlflow: as csv, with Lightning's MLflow logger and the trained model logged to MLflow.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import pytorch_lightning as pl
import torch
from epoch_clock import EpochClock, say
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger, MLFlowLogger
from small_table import BATCH, EVALUATION_BATCH, SlicedBatches, network, read_csv, tensors
from torch.utils.data import DataLoader, TensorDataset

folder, epochs, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
torch.set_num_threads(1)
torch.manual_seed(0)
train, validation = tensors(folder) if kind in ("docs", "sliced") else read_csv(folder)[:2]
clock = EpochClock()


class Classifier(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = network(train[0].shape[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3, fused=True if kind == "sliced" else None)

    def training_step(self, batch, index):
        inputs, target = batch
        loss = torch.nn.functional.cross_entropy(self.net(inputs), target)
        if kind != "sliced":
            self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, index):
        inputs, target = batch
        outputs = self.net(inputs)
        self.log("val_loss", torch.nn.functional.cross_entropy(outputs, target))
        self.log("val_accuracy", (outputs.argmax(1) == target).float().mean())


class Marks(pl.Callback):
    def on_train_epoch_start(self, trainer, module):
        clock.start()

    def on_validation_start(self, trainer, module):
        clock.trained()

    def on_train_epoch_end(self, trainer, module):
        clock.end()


marks = [Marks()]
if "BENCHMARK_BUCKETS" in os.environ:
    from buckets_callback import FillBuckets

    marks.append(FillBuckets(os.environ["BENCHMARK_BUCKETS"]))
common = {"max_epochs": epochs, "accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0}
if kind != "sliced":
    batches = DataLoader(TensorDataset(*train), batch_size=BATCH, shuffle=True)
    looked_at = DataLoader(TensorDataset(*validation), batch_size=EVALUATION_BATCH)
    kept = [ModelCheckpoint(monitor="val_loss"), EarlyStopping(monitor="val_loss", patience=100)]
    logger = MLFlowLogger("lightning", tracking_uri="sqlite:///lightning.db") if kind == "mlflow" else CSVLogger(".")
    trainer = pl.Trainer(**common, logger=logger, callbacks=[*marks, *kept])
else:
    batches = SlicedBatches(*train)
    looked_at = SlicedBatches(*validation, size=EVALUATION_BATCH, shuffle=False)
    off = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False, "enable_model_summary": False}
    trainer = pl.Trainer(**common, **off, callbacks=marks)
model = Classifier()
trainer.fit(model, batches, looked_at)
if kind == "mlflow":
    import mlflow

    mlflow.set_tracking_uri("sqlite:///lightning.db")
    with mlflow.start_run(run_id=logger.run_id):
        mlflow.pytorch.log_model(
            model.net, name="model", serialization_format="pickle", pip_requirements=[f"torch=={torch.__version__}"]
        )
seen = {name: float(trainer.callback_metrics[f"val_{name}"]) for name in ("loss", "accuracy")}
say(**seen, **clock.per_step(len(batches)))
