"""The MLflow run: what is sent, how it is sent without holding training up, and how it is found again."""
