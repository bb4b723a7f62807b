"""The small table trained by a loop written by hand: what a step costs at least.

Usage: fit_by_hand.py FOLDER EPOCHS {fused|default} [THREADS]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from epoch_clock import EpochClock, say
from small_table import EVALUATION_BATCH, SlicedBatches, network, tensors

folder, epochs, kind = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
torch.set_num_threads(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
torch.manual_seed(0)
train, validation = tensors(folder)
model = network(train[0].shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True if kind == "fused" else None)
loss_of = torch.nn.functional.cross_entropy
batches = SlicedBatches(*train)
looked_at = SlicedBatches(*validation, size=EVALUATION_BATCH, shuffle=False)
clock = EpochClock()
buckets = None
if "BENCHMARK_BUCKETS" in os.environ:
    from buckets import Buckets

    buckets = Buckets()
    model.forward = buckets.timed("forward", model.forward)
    loss_of = buckets.timed("loss", loss_of)
    buckets.watch_backward()
    buckets.watch_optimizer(optimizer)
for _ in range(epochs):
    clock.start()
    if buckets is not None:
        buckets.start()
    model.train()
    for inputs, target in batches if buckets is None else buckets.timed_iterator(batches):
        loss = loss_of(model(inputs), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    clock.trained()
    if buckets is not None:
        buckets.trained()
    model.eval()
    total = right = 0.0
    with torch.no_grad():
        for inputs, target in looked_at:
            outputs = model(inputs)
            total += loss_of(outputs, target).item() * len(target)
            right += (outputs.argmax(1) == target).sum().item()
    clock.end()
    if buckets is not None:
        buckets.end()
if buckets is not None:
    buckets.write(os.environ["BENCHMARK_BUCKETS"], len(batches))
say(loss=total / len(validation[1]), accuracy=right / len(validation[1]), **clock.per_step(len(batches)))
