"""Run again what a finished run has logged, as a new run, and say how close it came and what may explain the rest."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from recipeline.catalog import Catalog, installed
from recipeline.errors import Problem, RecipeError, UsageError
from recipeline.explaining import Difference, at_hand, explain, split_is_as_it_was
from recipeline.hooks import RunContext
from recipeline.recipe.load import parse
from recipeline.recipe.model import Recipe
from recipeline.runner import RunResult, called_by, complete, follow, is_other_rank, work_folder
from recipeline.signals import interruptions
from recipeline.stages.job import EARLIER_SPLIT, Job
from recipeline.tracking.closeness import Closeness, Curves, closeness
from recipeline.tracking.find import FoundRun, find_run
from recipeline.tracking.keys import legal_key
from recipeline.tracking.logged import Logged, logged
from recipeline.tracking.record import WEIGHTS_TAG
from recipeline.tracking.store import prepare_environment, tracking_uri
from recipeline.training.memo import new_memo, read_memo

if TYPE_CHECKING:
    from recipeline.training.observer import Observer

REPRODUCES = "recipeline.reproduces"
"""The tag with the id of the run that was run again."""
REPRODUCED = "recipeline.reproduced"
"""The tag that says how close it came: identical, different, or unexplained where nothing known differs."""
REPORT = "reproduction/report.json"


@dataclass(slots=True)
class Reproduction:
    """A run that was run again, and how close it came."""

    of: FoundRun
    recipe: Recipe
    metrics: list[Closeness] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    """What is not as it was."""
    notes: list[str] = field(default_factory=list)
    """What a reader should know besides."""
    result: RunResult = field(default_factory=lambda: RunResult("", "FAILED"))
    weights: tuple[str, str] | None = None
    """The digests of both runs' weights of the best epoch; None where the first has logged none."""

    @property
    def identical(self) -> bool:
        """Whether every metric has the very same values, and the model the same weights."""
        return self.same_weights is not False and all(metric.identical for metric in self.metrics)

    @property
    def same_weights(self) -> bool | None:
        """Whether the weights of the best epoch are the same to the last bit; None where that is not known."""
        return None if self.weights is None else self.weights[0] == self.weights[1]

    @property
    def outcome(self) -> str:
        """`identical`; `different`, and what differs may be the reason; `unexplained`."""
        return "identical" if self.identical else "different" if self.differences else "unexplained"

    def report(self) -> dict[str, Any]:
        """Plain data for a machine."""
        return {
            "reproduces": self.of.run_id,
            "outcome": self.outcome,
            "compared": {metric.name: metric.as_dict() for metric in self.metrics},
            "weights": self.same_weights,
            "differences": [difference.as_dict() for difference in self.differences],
            "notes": self.notes,
        }


def reproduce(
    reference: str, overrides: Sequence[str] = (), *, observer: Observer | None = None
) -> Reproduction | None:
    """Run it again from what it has logged; nothing of it is changed, and no code that it has logged is run.

    Args:
        reference: An id, the beginning of one, a run's name, or `last`.
        overrides: Changes of its recipe, such as where the data lies here.
        observer: Hears of stages, epochs and notes while it goes on.

    Returns:
        How close it came; None in a further process of a distributed training.

    Raises:
        UsageError: there is no such run, it has not finished, or it has no recipe.
        RecipeError: its recipe can't be run here: a plugin is missing, say.
        RecipelineError: the new run failed.
    """
    from recipeline.training.observer import Observer

    started = perf_counter()
    watching = observer or Observer()
    home = work_folder()
    catalog = installed()
    if is_other_rank():
        _follow(catalog, home, watching)
        return None
    prepare_environment()
    found = find_run(reference, tracking_uri())
    with tempfile.TemporaryDirectory(prefix="recipeline-reproduce-") as place:
        then = logged(found, Path(place))
        recipe = _recipe(then, overrides, catalog)
        return _run_again(then, recipe, catalog, home, watching, started, changed=bool(overrides))


def _run_again(
    then: Logged,
    recipe: Recipe,
    catalog: Catalog,
    home: Path,
    observer: Observer,
    started: float,
    *,
    changed: bool,
) -> Reproduction:
    from recipeline.tracking.record import open_run

    reproduction = Reproduction(then.run, recipe)

    def judge(job: Job) -> None:
        assert job.run is not None
        reproduction.metrics = closeness(then.curves, _curves(job))
        weights = then.run.tags.get(WEIGHTS_TAG)
        reproduction.weights = None if weights is None else (weights, job.weights_sha256)
        reproduction.differences = explain(job, then)
        reproduction.notes += at_hand(job, then)
        job.run.log_json(REPORT, reproduction.report())
        job.run.set_tags({REPRODUCED: reproduction.outcome})

    with interruptions():
        called = called_by()
        tracked = open_run(recipe, catalog, called, home / "runs")
        tags = {REPRODUCES: then.run.run_id}
        digest = then.run.tags.get("recipeline.recipe_sha256")
        if digest is not None and not changed:  # of the recipe as it was written, of which this is the complete one
            tags["recipeline.recipe_sha256"] = digest
        tracked.set_tags(tags)
        job = Job(
            recipe,
            catalog,
            tracked.folder,
            home / "cache",
            observer,
            RunContext(recipe, tracked.folder, tracked.run_id),
            run=tracked,
            memo=new_memo(recipe, catalog, called),
            at_the_end=judge,
        )
        assert job.memo is not None
        job.memo.threads = _threads(then, recipe)
        if then.split is not None and split_is_as_it_was(recipe, then):
            shutil.copyfile(then.split, job.folder / EARLIER_SPLIT)
        reproduction.result = complete(job, started)
    return reproduction


def _follow(catalog: Catalog, home: Path, observer: Observer) -> None:
    """The part of a further process of a distributed training."""
    from recipeline.stages.fit import FOLDER_VARIABLE

    memo = read_memo(Path(os.environ.get(FOLDER_VARIABLE, "")))
    if memo is None:
        raise UsageError(Problem("reproduce is started once, and starts the other processes of a training itself"))
    follow(memo.load_recipe(), catalog, home, observer)


def _recipe(then: Logged, overrides: Sequence[str], catalog: Catalog) -> Recipe:
    """The recipe that was logged, with the overrides; it registers no model a second time."""
    folder = then.folder if then.folder is not None and then.folder.is_dir() else Path.cwd()
    name = f"recipe/resolved.yaml of the run {then.run.run_id[:8]}"
    try:
        return parse(
            then.recipe, name, ["tracking.register_as=null", *overrides], catalog=catalog, folder=folder
        ).recipe
    except RecipeError as error:
        raise RecipeError(*error.problems, *_missing(then)) from error


def _missing(then: Logged) -> list[Problem]:
    """The distributions that brought plugins to the run and are not here, or are of another version."""
    problems = []
    for pair in then.run.tags.get("recipeline.plugins", "").split(", "):
        name, _, wanted = pair.partition("==")
        if not wanted or wanted == "unknown":
            continue
        try:
            here = version(name)
        except (PackageNotFoundError, ValueError):
            here = "none"
        if here != wanted:
            advice = "Install it from where you trust it, then reproduce the run again."
            problems.append(Problem(f"the run had plugins of {name} {wanted}", found=f"{here} here", suggestion=advice))
    return problems


def _threads(then: Logged, recipe: Recipe) -> int | None:
    """The run's CPU threads, where the recipe leaves them open and this machine can have as many.

    Another number adds up in another order. Who says here how many there are to be is heard, and the report tells.
    """
    if recipe.training.threads != "auto" or then.threads is None:
        return None
    given = os.environ.get("OMP_NUM_THREADS", "").strip()
    if given.isdecimal() and int(given) != then.threads and then.threads != 1:
        return None
    return then.threads if then.threads <= (os.cpu_count() or 1) else None


def _curves(job: Job) -> Curves:
    """All that the new run logs, under the names that MLflow has them by."""
    assert job.run is not None
    found: Curves = {legal_key(name): dict(points) for name, points in job.run.history().items()}
    for name, value in (job.run.numbers() | job.metrics).items():
        if math.isfinite(value):
            found.setdefault(legal_key(name), {})[0] = value
    return found
