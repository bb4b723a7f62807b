"""The model for raw rows: what is saved, how MLflow serves it, and how it is checked."""
