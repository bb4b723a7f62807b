"""Durable files: written so that a crash leaves them whole, verified before they are read."""
