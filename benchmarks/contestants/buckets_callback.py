"""A Lightning callback that fills the buckets, in a run of `recipeline` and in plain Lightning."""

from __future__ import annotations

import pytorch_lightning as pl
from buckets import Buckets
from torch.utils.data import dataloader


class FillBuckets(pl.Callback):
    def __init__(self, file: str) -> None:
        self.file = file
        self.buckets = Buckets()
        self._wrapped = False

    def on_train_epoch_start(self, trainer, pl_module):
        if self._wrapped:
            self.buckets.end()
        else:
            self._wrap(trainer, pl_module)
            self._wrapped = True
        self.buckets.start()

    def on_validation_start(self, trainer, pl_module):
        self.buckets.trained()

    def on_fit_end(self, trainer, pl_module):
        self.buckets.end()
        loader = trainer.train_dataloader
        self.buckets.write(self.file, len(getattr(loader, "batches", loader)))

    def _wrap(self, trainer, pl_module):
        timed = self.buckets.timed
        self.buckets.watch_backward()
        if hasattr(pl_module, "network"):  # recipeline
            from recipeline.data.batches import Batches

            pl_module.network.forward = timed("forward", pl_module.network.forward)
            pl_module.loss_of = timed("loss", pl_module.loss_of)
            plain = Batches.__iter__
            Batches.__iter__ = lambda batches: self.buckets.timed_iterator(plain(batches))
            if pl_module.several is not None:
                pl_module.several.step = timed("optimizer", pl_module.several.step)
                pl_module.several.forget = timed("optimizer", pl_module.several.forget)
                return
        else:
            pl_module.net.forward = timed("forward", pl_module.net.forward)
            pl_module.training_step = timed("loss", pl_module.training_step)
            each = dataloader._BaseDataLoaderIter
            each.__next__ = timed("batches", each.__next__)
        self.buckets.watch_optimizer(trainer.optimizers[0])
