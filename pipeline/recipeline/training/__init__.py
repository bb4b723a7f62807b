"""The Lightning side: module, data module, trainer, and the callbacks that every run has."""
