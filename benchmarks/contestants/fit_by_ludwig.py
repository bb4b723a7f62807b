"""The small table trained by Ludwig, from the CSV to a saved model. Usage: fit_by_ludwig.py FOLDER EPOCHS"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import torch

# A torchvision that was built for CUDA can't load its operators beside a torch that wasn't, and is imported all the
# same. A table needs none of them; those that its import asks for are declared here.
operators = torch.library.Library("torchvision", "FRAGMENT")
for operator in ("nms", "qnms"):
    operators.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from epoch_clock import EpochClock, say
from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from small_table import BATCH, EVALUATION_BATCH, steps

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
clock = EpochClock()


class Marks(Callback):
    def on_epoch_start(self, trainer, progress_tracker, save_path):
        clock.start()

    def on_validation_start(self, trainer, progress_tracker, save_path):
        clock.trained()

    def on_epoch_end(self, trainer, progress_tracker, save_path):
        clock.end()


frame = pd.read_csv(folder / "table.csv")
frame["split"] = (frame.pop("part") == "validation").astype(int)  # 0 trains, 1 validates
config = {
    "input_features": [
        {"name": name, "type": "number", "preprocessing": {"normalization": "zscore"}}
        for name in frame.columns
        if name not in ("label", "split")
    ],
    "output_features": [{"name": "label", "type": "category"}],
    "combiner": {"type": "concat", "num_fc_layers": 2, "output_size": 64},
    "preprocessing": {"split": {"type": "fixed"}},
    "trainer": {
        "epochs": epochs,
        "batch_size": BATCH,
        "eval_batch_size": EVALUATION_BATCH,
        "optimizer": {"type": "adam"},
        "learning_rate": 0.001,
        "early_stop": -1,
        "evaluate_training_set": False,
    },
    "backend": {"type": "local"},
}
model = LudwigModel(config, callbacks=[Marks()], logging_level=40)
statistics, _, _ = model.train(dataset=frame, output_directory=str(folder / "ludwig"), random_seed=0)
seen = statistics.validation["label"]
say(loss=float(seen["loss"][-1]), accuracy=float(seen["accuracy"][-1]), **clock.per_step(steps(len(frame))))
