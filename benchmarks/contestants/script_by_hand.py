"""What someone writes without any of this: pandas reads, scikit-learn standardizes, torch trains, torch.save keeps.

The fast way to do it: batches cut from whole tensors, fused Adam, one thread. Usage: FOLDER EPOCHS
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from epoch_clock import say
from small_table import EVALUATION_BATCH, SlicedBatches, network, read_csv

folder, epochs = Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(0)
train, validation, scaling = read_csv(folder)
batches = SlicedBatches(*train)
looked_at = SlicedBatches(*validation, size=EVALUATION_BATCH, shuffle=False)
model = network(train[0].shape[1])
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
loss_of = torch.nn.functional.cross_entropy
for epoch in range(epochs):
    model.train()
    for rows, truth in batches:
        loss = loss_of(model(rows), truth)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    model.eval()
    total = right = 0.0
    with torch.no_grad():
        for rows, truth in looked_at:
            outputs = model(rows)
            total += loss_of(outputs, truth).item() * len(truth)
            right += (outputs.argmax(1) == truth).sum().item()
    count = len(validation[1])
    print(f"epoch {epoch + 1}  val_loss {total / count:.4f}  val_accuracy {right / count:.4f}")
torch.save({"model": model.state_dict(), "scaling": scaling}, folder / "model.pt")
say(loss=total / count, accuracy=right / count)
