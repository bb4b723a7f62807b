"""The small table trained by Keras 3 on torch: Sequential and `fit`. Usage: fit_by_keras.py FOLDER EPOCHS"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from epoch_clock import EpochClock, say
from small_table import BATCH, arrays, steps

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
keras.utils.set_random_seed(0)
train, validation = arrays(folder)
clock = EpochClock()


class Marks(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        clock.start()

    def on_test_begin(self, logs=None):
        clock.trained()

    def on_epoch_end(self, epoch, logs=None):
        clock.end()


dense = keras.layers.Dense
model = keras.Sequential([keras.Input((train[0].shape[1],)), dense(64, "relu"), dense(64, "relu"), dense(2)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
history = model.fit(
    *train,
    batch_size=BATCH,
    epochs=epochs,
    shuffle=True,
    validation_data=validation,
    callbacks=[Marks()],
    verbose=2,
).history
rows = len(train[1]) + len(validation[1])
say(loss=history["val_loss"][-1], accuracy=history["val_accuracy"][-1], **clock.per_step(steps(rows)))
