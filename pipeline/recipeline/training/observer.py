"""What a run tells whoever watches it: stages, notes, epochs, steps. Showing it is somebody else's subject."""

from __future__ import annotations

from collections.abc import Mapping


class Observer:
    """Hears of everything, shows nothing."""

    def stage_started(self, name: str) -> None:
        """A stage begins."""

    def stage_finished(self, name: str, seconds: float) -> None:
        """A stage has ended well."""

    def note(self, text: str) -> None:
        """Something that a reader should know once."""

    def fit_started(self, epochs: int, steps: int) -> None:
        """Training begins: so many epochs of so many batches at most."""

    def step(self, epoch: int, step: int) -> None:
        """So many batches of this epoch (from 1) are done; told a few times a second at most."""

    def epoch_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch (from 1) is over, with all its metrics."""

    def fit_finished(self) -> None:
        """Training is over."""
