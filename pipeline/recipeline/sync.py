"""Send what earlier runs could not: what `recipeline sync` does, and other commands for runs that were killed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from recipeline.errors import Problem, UnsafeError, UsageError
from recipeline.tracking import alive
from recipeline.tracking.journal import Content, read_journal
from recipeline.tracking.rows import ModelRow
from recipeline.tracking.settle import Receiver, Settled, journals, settle

LAST = "last"


def sync(runs: Path, reference: str | None = None) -> list[Settled]:
    """Send what the runs of this project could not; one alone if it is named.

    Args:
        runs: The folder in which each run has one of its own.
        reference: An id, the beginning of one, a run's name, or `last`.

    Returns:
        What has become of each run that had something left, or was asked for.

    Raises:
        UsageError: no run is meant, or several; or a journal can't be read.
    """
    folders = list(journals(runs))
    if reference is not None:
        return [settle(_named(folders, reference, runs), _log_model, asked=True)]
    return [found for folder in folders if (found := settle(folder, _log_model)).outcome != "nothing"]


def mark_killed(runs: Path) -> list[Settled]:
    """Give the runs whose process was killed their status; of others nothing is read."""
    return [settle(folder, _log_model) for folder in journals(runs) if alive.state(folder) == "dead"]


def _named(folders: Iterable[Path], reference: str, runs: Path) -> Path:
    contents: dict[Path, Content] = {folder: read_journal(folder) for folder in folders}
    ids = {folder: (folder.name, content.run_id or "") for folder, content in contents.items()}
    found = [folder for folder, known in ids.items() if reference in known]
    if not found and len(reference) >= 4:
        found = [folder for folder, known in ids.items() if any(each.startswith(reference) for each in known)]
    if not found:
        found = [folder for folder, content in contents.items() if content.opening.name == reference]
    if reference == LAST and contents:
        found = [max(contents, key=lambda folder: contents[folder].opening.started)]
    if len(found) == 1:
        return found[0]
    listed = "".join(f"\n  {folder.name}  {content.opening.name}" for folder, content in contents.items())
    raise UsageError(
        Problem(
            f"{'no run' if not found else f'{len(found)} runs'} of {runs} {'is' if not found else 'are'} meant by "
            f"'{reference}'",
            suggestion=f"Those with a journal are:{listed}" if listed else "All that was logged has been sent.",
        )
    )


def _log_model(run: Receiver, folder: Path, row: ModelRow) -> str:
    import polars as pl

    from recipeline.serving.log import log_model

    bundle, example = ((folder / name).resolve() for name in (row.key, row.example))
    for path in (bundle, example):
        if not path.is_relative_to(folder.resolve()):
            raise UnsafeError(
                Problem(
                    "the run's journal names a model outside of the run's folder",
                    file=str(folder),
                    found=ascii(str(path))[:100],
                    suggestion="Nobody's run writes this. Remove the folder.",
                )
            )
    return log_model(
        run,
        bundle,
        example=pl.read_parquet(example),
        nullable=row.nullable,
        register_as=row.register_as,
    )
