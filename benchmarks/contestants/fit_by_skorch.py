"""The small table trained by skorch: NeuralNetClassifier with its own batches. Usage: fit_by_skorch.py FOLDER EPOCHS"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from epoch_clock import EpochClock, say
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.dataset import Dataset
from skorch.helper import predefined_split
from small_table import BATCH, EVALUATION_BATCH, arrays, network, steps

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(0)
train, validation = arrays(folder)
clock = EpochClock()


class Marks(Callback):
    def on_epoch_begin(self, net, **_):
        clock.start()

    def on_batch_end(self, net, training=False, **_):
        if training:
            clock.trained()

    def on_epoch_end(self, net, **_):
        clock.end()


net = NeuralNetClassifier(
    network,
    module__columns=train[0].shape[1],
    criterion=torch.nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=1e-3,
    batch_size=BATCH,
    iterator_train__shuffle=True,
    iterator_valid__batch_size=EVALUATION_BATCH,
    train_split=predefined_split(Dataset(*validation)),
    max_epochs=epochs,
    callbacks=[("marks", Marks())],
)
net.fit(*train)
rows = len(train[1]) + len(validation[1])
say(loss=net.history[-1]["valid_loss"], accuracy=net.history[-1]["valid_acc"], **clock.per_step(steps(rows)))
