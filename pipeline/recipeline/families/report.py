"""What a finished run shows: figures, tables and text."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar

from recipeline.families.plugin import Plugin
from recipeline.families.spec import Results, Task


class Report(Plugin, family="report"):
    """Writes files that are logged to the run as `reports/*`."""

    tasks: ClassVar[frozenset[Task] | set[Task]] = frozenset()
    """The tasks that it is made for; empty for all."""

    @abstractmethod
    def write(self, results: Results, folder: Path) -> list[Path]:
        """Write the files into `folder` and return their paths; none when there is nothing to show."""
