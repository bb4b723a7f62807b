"""A network of medium size trained by a loop written by hand. Usage: FOLDER EPOCHS {cnn|transformer} THREADS"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from epoch_clock import EpochClock, say
from medium_networks import BATCH, EVALUATION_BATCH, NETWORKS, tensors
from small_table import SlicedBatches

folder, epochs, kind, threads = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
torch.set_num_threads(threads)
torch.manual_seed(0)
train, validation = tensors(folder, kind)
model = NETWORKS[kind]()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
loss_of = torch.nn.functional.cross_entropy
batches = SlicedBatches(*train, size=BATCH)
looked_at = SlicedBatches(*validation, size=EVALUATION_BATCH, shuffle=False)
clock = EpochClock()
for _ in range(epochs):
    clock.start()
    model.train()
    for inputs, target in batches:
        loss = loss_of(model(inputs), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    clock.trained()
    model.eval()
    total = right = 0.0
    with torch.no_grad():
        for inputs, target in looked_at:
            outputs = model(inputs)
            total += loss_of(outputs, target).item() * len(target)
            right += (outputs.argmax(1) == target).sum().item()
    clock.end()
rows = len(validation[1])
say(loss=total / rows, accuracy=right / rows, **clock.per_step(len(batches)))
