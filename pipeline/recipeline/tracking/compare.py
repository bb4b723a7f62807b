"""What differs between runs, and what it did to the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recipeline.catalog import Catalog
from recipeline.errors import RecipelineError
from recipeline.families.metric import Metric
from recipeline.tracking.find import FoundRun

CODE_TAGS = ("recipeline.version", "recipeline.plugins", "recipeline.git_commit", "recipeline.git_dirty")
DATA_TAG = "recipeline.data_sha256"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several runs side by side. A value of a run that has none is None."""

    runs: Sequence[FoundRun]
    params: Mapping[str, tuple[str | None, ...]]
    """The params that differ, by name: a value a run."""
    data: Mapping[str, tuple[str | None, ...]]
    """What differs in the data: its digest."""
    code: Mapping[str, tuple[str | None, ...]]
    """What differs in the code: versions, plugins, commit."""
    metrics: Mapping[str, tuple[float | None, ...]]
    """All metrics: the latest value of each run."""
    best: Mapping[str, int]
    """Metric -> the position of the run that is best, where better is known and there is one best."""

    def difference(self, metric: str) -> tuple[float | None, ...]:
        """How far each run is from the first one."""
        first, *_ = values = self.metrics[metric]
        return tuple(None if value is None or first is None else value - first for value in values)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a machine: runs by id, and what differs, by run."""
        ids = [run.run_id for run in self.runs]

        def by_run(values: Mapping[str, Sequence[Any]]) -> dict[str, dict[str, Any]]:
            return {key: dict(zip(ids, row, strict=True)) for key, row in values.items()}

        return {
            "runs": [
                {
                    "run_id": run.run_id,
                    "name": run.name,
                    "experiment": run.experiment,
                    "status": run.status,
                    "started": run.started.isoformat(),
                    "model_uri": run.model_uri,
                }
                for run in self.runs
            ],
            "params": by_run(self.params),
            "data": by_run(self.data),
            "code": by_run(self.code),
            "metrics": by_run(self.metrics),
            "differences": by_run({name: self.difference(name) for name in self.metrics}),
            "best": {name: ids[position] for name, position in self.best.items()},
        }


def compare(runs: Sequence[FoundRun], catalog: Catalog) -> Comparison:
    """The comparison of two runs or more; the first is what the others are measured against."""
    names = sorted({name for run in runs for name in run.metrics if not name.startswith("system/")}, key=order)
    metrics = {name: tuple(run.metrics.get(name) for run in runs) for name in names}
    digests = tuple(run.tags.get(DATA_TAG) or run.data_digest for run in runs)
    return Comparison(
        runs=runs,
        params=_differing([run.params for run in runs]),
        data={"fingerprint": digests} if len(set(digests)) > 1 else {},
        code=_differing([{key: run.tags[key] for key in CODE_TAGS if key in run.tags} for run in runs]),
        metrics=metrics,
        best={
            name: position
            for name, values in metrics.items()
            if (position := _best(values, higher_is_better(name, catalog))) is not None
        },
    )


def higher_is_better(name: str, catalog: Catalog) -> bool | None:
    """Whether more of a metric is better; None for what is neither good nor bad, such as a learning rate."""
    prefix, _, metric = name.rpartition("/")
    if prefix.split("/")[-1] not in ("test", "val", "train"):
        return None
    if metric == "loss":
        return False
    if metric not in catalog.names("metric"):
        return None
    try:
        return catalog.find(Metric, metric).higher_is_better
    except RecipelineError:  # two of that name, or one that fails to import
        return None


def _differing(columns: Sequence[Mapping[str, str]]) -> dict[str, tuple[str | None, ...]]:
    keys = dict.fromkeys(key for column in columns for key in column)
    rows = {key: tuple(column.get(key) for column in columns) for key in sorted(keys)}
    return {key: row for key, row in rows.items() if len(set(row)) > 1}


def _best(values: Sequence[float | None], higher: bool | None) -> int | None:
    known = [value for value in values if value is not None]
    if higher is None or len(known) < 2:
        return None
    wanted = max(known) if higher else min(known)
    return values.index(wanted) if known.count(wanted) == 1 else None


def order(name: str) -> tuple[int, str]:
    """Test before best before validation before train before the rest."""
    places = ("test/", "best/", "val/", "train/")
    return next((place for place, prefix in enumerate(places) if name.startswith(prefix)), len(places)), name
