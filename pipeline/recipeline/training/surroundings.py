"""What a training changes in its process, put back when it is over; and the warnings that mean nothing to a reader."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

QUIET: tuple[tuple[str, type[Warning]], ...] = (
    # pytorch_lightning 2.6 says so of itself under torch 2.13; nothing a reader could change.
    (".*LeafSpec.*", FutureWarning),
    # The values that are logged are summed over the processes already, every row counted once.
    (".*recommended to use `self.log.*sync_dist=True", UserWarning),
    # The other processes find the folder that the first has made.
    ("Checkpoint directory .* exists and is not empty", UserWarning),
    # A recipe without a validation part has no batches of it.
    ("Total length of .* across ranks is zero", UserWarning),
    # Refused, in our own words.
    ("You passed `Trainer.accelerator=.*precision=.*Using", UserWarning),
    # The module's own is the one that is meant.
    (".*overridden `on_after_batch_transfer` in `LightningModule`", UserWarning),
)
"""Lightning's warnings that mean nothing here."""


@contextmanager
def as_it_was() -> Iterator[None]:
    """Leave torch's number of threads and its choice of algorithms as they were, and keep some warnings quiet."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    try:
        with warnings.catch_warnings():
            for message, category in QUIET:
                warnings.filterwarnings("ignore", message=message, category=category)
            yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
