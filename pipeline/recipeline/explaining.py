"""What differs between a run and its reproduction, in sentences: what may explain other numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from recipeline.data.row_digests import changed_rows
from recipeline.stages.job import Job
from recipeline.tracking import facts
from recipeline.tracking.compare import DATA_TAG
from recipeline.tracking.flatten import flat_params
from recipeline.tracking.keys import as_param, legal_key
from recipeline.tracking.logged import Logged, packages
from recipeline.training.fingerprint import LIBRARIES, Fingerprint, differences, fingerprint, machine

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from recipeline.data.read import Table
    from recipeline.recipe.model import Recipe

NAMED = 5
"""How many settings, columns or packages are named in a sentence; the others are counted."""
RESUME_EXACT = "recipeline.resume_exact"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    kind: str
    """settings, data, split, threads, code, plugins, versions, machine, packages, resumed, unknown."""
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data for a machine."""
        return asdict(self)


def explain(job: Job, logged: Logged) -> list[Difference]:
    """All that differs, as far as it was logged, what says most first."""
    assert job.datamodule is not None
    assert job.memo is not None
    found = _settings(job, logged)
    found += _data(job.datamodule.table, job.data.profile, logged)
    parts = job.datamodule.split_table.parts()
    if logged.split is not None and (moved := _moved(parts, logged.split)) is not None:
        found.append(Difference("split", f"the split is another one: {moved}"))
    if logged.threads is not None and job.memo.threads not in (None, logged.threads):
        given = os.environ.get("OMP_NUM_THREADS")
        because = f" (OMP_NUM_THREADS is {given})" if given and job.recipe.training.threads == "auto" else ""
        text = f"torch's CPU threads were {logged.threads} and are {job.memo.threads}{because}"
        found.append(Difference("threads", text))
    now: Fingerprint = fingerprint(job.recipe, job.catalog) | {"machine": machine(job.recipe)}
    if logged.environment:
        for kind in ("code", "plugins", "versions", "machine"):
            then = logged.environment.get(kind, {})
            # The recipe is complete here, and names plugins that were left open when the run's was looked at.
            here = {name: value for name, value in now[kind].items() if name in then}
            found += [Difference(kind, text) for text in differences({kind: then}, {kind: here})]
    else:
        found.append(Difference("unknown", "which code and machine the run had was not logged by that recipeline"))
        found += _versions(logged, now)
    found += _packages(logged, {*now["versions"], *now["plugins"]})
    if logged.run.tags.get(RESUME_EXACT) == "false":
        text = f"the run itself was resumed after something had changed: its tag {RESUME_EXACT} is false"
        found.append(Difference("resumed", text))
    return [Difference(each.kind, job.recipe.redact(each.text)) for each in found]


def at_hand(job: Job, logged: Logged) -> list[str]:
    """What a reader should know besides: none of it changes the numbers by itself."""
    notes = []
    commit, now = logged.run.tags.get("recipeline.git_commit"), facts.git_commit()
    patch = facts.git_patch()
    if commit is not None and (commit != now or logged.patch != patch):
        was = f"{commit[:12]}{' with changes' if logged.patch else ''}"
        here = f"{now[:12]}{' with changes' if patch else ''}" if now else "no repository"
        notes.append(f"git: the run was started at {was}, and this folder is at {here}")
    if not job.recipe.training.deterministic:
        notes.append("training.deterministic is false: some devices add up in another order each time")
    return notes


def _settings(job: Job, logged: Logged) -> list[Difference]:
    """Params that are others, but for where the data lies: whether they are the same ones is looked at by itself."""
    then = logged.run.params
    now = {legal_key(key): as_param(value) for key, value in flat_params(job.recipe).items()}
    now["task"] = then.get("task", "")
    found = []
    for key in sorted({*then, *now}):
        if key.startswith("data.source") or then.get(key) == now.get(key):
            continue
        was, here = then.get(key, "not there"), now.get(key, "not there")
        found.append(Difference("settings", f"{key} was {was} and is {here}"))
    return found


def _data(table: Table, profile: Mapping[str, Any], logged: Logged) -> list[Difference]:
    then = logged.run.tags.get(DATA_TAG)
    if then is None or then == table.fingerprint:
        return []
    same_polars = logged.environment.get("versions", {}).get("polars") == _polars()
    rows = changed_rows(logged.row_digests, table) if logged.row_digests is not None and same_polars else None
    phrases = [rows or "which rows is not known"]
    columns = _changed_columns(logged.profile, profile.get("columns", {}))
    if columns and logged.profile:
        phrases.append(f"what the train rows show has changed in {_listed(columns)}")
    return [Difference("data", f"the data {table.location} have been changed: {'; '.join(phrases)}")]


def _polars() -> str:
    import polars as pl

    return pl.__version__


def _changed_columns(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Columns that are described in other words and numbers, or are there on one side alone."""
    return [name for name in dict.fromkeys([*then, *now]) if then.get(name) != now.get(name)]


def _moved(parts: pl.Series, earlier: Path) -> str | None:
    """How many rows are in another part than they were, as a phrase; None where none is."""
    import polars as pl

    then = pl.read_parquet(earlier, columns=["part"]).to_series()
    if len(then) != len(parts):
        return f"it is of {len(parts):,} rows now, and was of {len(then):,}"
    moved = parts.ne_missing(then).sum()
    return f"{moved:,} of {len(parts):,} rows are in another part" if moved else None


def split_is_as_it_was(recipe: Recipe, logged: Logged) -> bool:
    """Whether the recipe still says of the split what the run's has said."""

    def said(params: Mapping[str, Any]) -> dict[str, str]:
        return {legal_key(key): as_param(value) for key, value in params.items() if key.startswith("data.split")}

    return said(flat_params(recipe)) == said(logged.run.params)


def _versions(logged: Logged, now: Mapping[str, Mapping[str, str]]) -> list[Difference]:
    """For a run without a fingerprint: the versions that its list of packages gives."""
    then = {name: logged.packages[name] for name in LIBRARIES if name in logged.packages}
    here = {name: now["versions"][name] for name in then}
    return [Difference("versions", text) for text in differences({"versions": then}, {"versions": here})]


def _packages(logged: Logged, looked_at: set[str]) -> list[Difference]:
    """Other packages of other versions, in one sentence."""
    if not logged.packages:
        return []
    now = packages(facts.requirements())
    known = {*packages("".join(f"{name}==\n" for name in looked_at)), "recipeline"}
    changed = [
        f"{name} was {logged.packages.get(name, 'not there')} and is {now.get(name, 'not there')}"
        for name in sorted({*logged.packages, *now})
        if logged.packages.get(name) != now.get(name) and name not in known
    ]
    if not changed:
        return []
    several = f"{len(changed)} other packages: " if len(changed) > 1 else "another package: "
    return [Difference("packages", several + _listed(changed, "; "))]


def _listed(words: list[str], between: str = ", ") -> str:
    rest = f"{between}and {len(words) - NAMED} more" if len(words) > NAMED else ""
    return between.join(words[:NAMED]) + rest
