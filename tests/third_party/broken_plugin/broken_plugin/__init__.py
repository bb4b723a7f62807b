"""Fails on import, on purpose."""

raise RuntimeError("the flux capacitor is missing")
