"""The small table trained by fastai: its tabular learner, Adam as everywhere. Usage: fit_by_fastai.py FOLDER EPOCHS"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from epoch_clock import EpochClock, say
from fastai.tabular.all import (
    Adam,
    Callback,
    CategoryBlock,
    CrossEntropyLossFlat,
    TabularPandas,
    accuracy,
    tabular_learner,
)
from small_table import BATCH, EVALUATION_BATCH, arrays, steps

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(0)
train, validation = arrays(folder)
clock = EpochClock()


class Marks(Callback):
    def before_epoch(self):
        clock.start()

    def before_validate(self):
        clock.trained()

    def after_epoch(self):
        clock.end()


names = [f"f{place}" for place in range(train[0].shape[1])]
frame = pd.concat([pd.DataFrame(inputs, columns=names).assign(label=target) for inputs, target in (train, validation)])
frame = frame.reset_index(drop=True)
rows, held = len(frame), len(train[1])
splits = (list(range(held)), list(range(held, rows)))
numbers = TabularPandas(
    frame, procs=[], cat_names=[], cont_names=names, y_names="label", y_block=CategoryBlock(), splits=splits
)
loaders = numbers.dataloaders(bs=BATCH, val_bs=EVALUATION_BATCH, drop_last=False)
loaders[0].drop_last = False
learner = tabular_learner(
    loaders,
    layers=[64, 64],
    config={"use_bn": False, "bn_cont": False, "bn_final": False},
    opt_func=partial(Adam, wd=0.0, decouple_wd=False),
    loss_func=CrossEntropyLossFlat(),
    metrics=[accuracy],
    n_out=2,
    cbs=[Marks()],
)
with learner.no_bar():
    learner.fit(epochs, 1e-3)
_, loss, right = learner.recorder.values[-1]
say(loss=loss, accuracy=right, **clock.per_step(steps(rows)))
