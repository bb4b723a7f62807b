"""From a table to tensors: columns and their roles, fitted steps, cache, batches."""
