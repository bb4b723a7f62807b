"""Fit the steps on the train rows, run all rows through them, and write the arrays that training reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recipeline.catalog import Catalog, installed
from recipeline.data import cache as store
from recipeline.data import target as targets
from recipeline.data.cells import type_name
from recipeline.data.frame import Layout
from recipeline.data.pipeline import Column, FittedPipeline, FittedStep
from recipeline.data.prepared import Arrays, PreparedData
from recipeline.data.profile import profile
from recipeline.data.read import identity
from recipeline.data.rows import IN_MEMORY_BYTES, Rows, exact_sums
from recipeline.data.split import SplitTable
from recipeline.errors import DataError, Problem, RecipeError, RecipelineError
from recipeline.families.preprocessing import Preprocessing, RowFilter, TargetTransform
from recipeline.families.spec import PARTS, Block, InputSpec, Part, State, TargetSpec

if TYPE_CHECKING:
    import polars as pl

    from recipeline.recipe.model import Recipe

SAMPLE_ROWS = 64
"""Train rows that show what columns a step makes."""


def prepare(split_table: SplitTable, recipe: Recipe, cache: Path, catalog: Catalog | None = None) -> PreparedData:
    """The arrays of every part, made or found in the cache.

    Args:
        split_table: From `split`.
        recipe: With its defaults filled in.
        cache: The cache's folder.
        catalog: Where the steps' owners are looked up; by default what is installed.

    Raises:
        DataError: a value is still missing or isn't a number after the last step; row and column are named.
        RecipeError: a step names a column that isn't there, or doesn't go with the task.
    """
    plugins = installed() if catalog is None else catalog
    steps = list(recipe.preprocessing or ())
    key = address(split_table, recipe, plugins)
    entry = store.obtain(cache / "arrays", key, lambda folder: _Preparation(split_table, recipe).write(folder))
    pipeline = FittedPipeline.from_json(entry.info["pipeline"], plugins, steps).at(split_table.table.location)
    notes = list(entry.info["notes"])
    if entry.repaired:
        notes.append("The cached arrays were damaged and have been made again.")
    return PreparedData(
        inputs=pipeline.inputs,
        target=pipeline.target,
        parts=_open(entry.folder, entry.info["rows"], pipeline),
        pipeline=pipeline,
        fingerprint=split_table.table.fingerprint,
        key=key,
        cache_hit=entry.hit,
        profile=entry.info["profile"],
        notes=tuple(notes),
    )


def address(split_table: SplitTable, recipe: Recipe, catalog: Catalog) -> str:
    """The content address of what `prepare` makes: it changes with anything that the arrays depend on."""
    import hashlib

    import polars as pl

    table = split_table.table
    return store.address(
        {
            "kind": "arrays",
            "table": [table.path.parent.name, table.fingerprint],
            "parts": hashlib.sha256(split_table.codes.tobytes()).hexdigest(),
            "features": [[name, split_table.roles[name]] for name in split_table.features],
            "task": table.task,
            "targets": table.targets,
            "steps": [identity(step, catalog) for step in recipe.preprocessing or ()],
            "accepts": recipe.architecture.accepts,
            "polars": pl.__version__,
        }
    )


def _open(folder: Path, rows: dict[Part, int], pipeline: FittedPipeline) -> dict[Part, Arrays]:
    def array(name: str, empty: tuple[int, ...], dtype: type) -> np.ndarray:
        path = folder / name
        # Copy on write, because torch warns of arrays that it may not write to.
        return np.load(path, mmap_mode="c") if path.exists() else np.empty(empty, dtype=dtype)

    parts: dict[Part, Arrays] = {}
    for part in PARTS:
        if part not in rows:
            continue
        blocks = tuple(
            array(f"{part}.{kind}.npy", (rows[part], *pipeline.inputs.blocks[kind].shape), _dtype(kind))
            for kind in pipeline.accepts
        )
        target = array(f"{part}.target.npy", (rows[part],), np.float32)
        parts[part] = Arrays(blocks, target, array(f"{part}.rows.npy", (rows[part],), np.int64))
    return parts


def _dtype(kind: str) -> type:
    return np.int64 if kind == "categorical" else np.float32


class _Preparation:
    """One pass over the recipe's steps, and then one over all rows."""

    def __init__(self, split_table: SplitTable, recipe: Recipe) -> None:
        table = split_table.table
        self.recipe = recipe
        self.table = table
        self.split = split_table
        self.location = table.location
        self.rows = Rows(table.path, split_table.features, table.targets, split_table.codes.copy(), IN_MEMORY_BYTES)
        schema = table.schema
        self.layout = Layout(
            {name: split_table.roles[name] for name in split_table.features},
            {name: schema[name] for name in split_table.features},
        )
        self.target = table.scan().select(table.targets).collect()
        self.target_steps: list[FittedStep] = []
        self.notes: list[str] = []

    def write(self, folder: Path) -> dict[str, Any]:
        """Fit, transform and write everything into the folder; returns what opens it again."""
        with exact_sums(self.rows.streaming):
            for index, step in enumerate(self.recipe.preprocessing or ()):
                self._fit(step, f"preprocessing[{index}]")
            described = profile(self._raw_train(), self.split.features + self.table.targets, self.split.roles)
        spec = targets.describe(self.table.task, self.target, self._is("train"))
        pipeline = FittedPipeline(
            columns=tuple(
                Column(name, type_name(self.table.schema[name]), self.split.roles[name]) for name in self.split.features
            ),
            steps=tuple(self.rows.steps),
            inputs=self._inputs(),
            target=spec,
            target_steps=tuple(self.target_steps),
            accepts=tuple(self.recipe.architecture.accepts),
            location=self.location,
        )
        counts = {part: int(self._is(part).sum()) for part in PARTS}
        counts = {part: count for part, count in counts.items() if count}
        self._write_blocks(folder, pipeline, counts)
        self._write_targets(folder, spec, counts)
        return {
            "pipeline": pipeline.to_json(),
            "rows": counts,
            "profile": {"rows": counts, "columns": described},
            "notes": self.notes,
        }

    def _is(self, part: Part) -> np.ndarray:
        mask: np.ndarray = self.rows.codes == PARTS.index(part)
        return mask

    def _raw_train(self) -> pl.LazyFrame:
        import polars as pl

        return self.table.scan().filter(pl.lit(pl.Series(self._is("train"))))

    def _fit(self, step: Preprocessing, path: str) -> None:
        if isinstance(step, TargetTransform):
            self._fit_target(step, path)
            return
        extra = self.table.targets if isinstance(step, RowFilter) else ()
        chosen = self.layout.choose(step.columns, extra, f"{path}.columns")
        if not chosen:
            self.notes.append(f"'{step.plugin_name}' has nothing to do: no column is {_words(step.columns)}.")
            return
        if isinstance(step, RowFilter):
            self._leave_out(step, chosen)
            return
        state = self._state(step, step.fit(self.rows.lazy("train", chosen)), path)
        sample = self.rows.sample("train", SAMPLE_ROWS).select(chosen)
        made = step.transform(sample.lazy(), state).collect().schema
        self._refuse_clashes(step, chosen, list(made), path)
        self.rows.advance(FittedStep(step, tuple(chosen), state, tuple(made)))
        self.layout = self.layout.after(step, chosen, made, state)

    def _state(self, step: Preprocessing, state: State, path: str) -> State:
        """The state as it will be after a round through JSON, so that a cached one is the same."""
        try:
            found = json.loads(json.dumps(state, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise RecipelineError(
                Problem(f"the state that '{step.plugin_name}' has learnt can't be written as JSON: {error}", path=path)
            ) from error
        if not isinstance(found, dict):
            raise RecipelineError(Problem(f"the state of '{step.plugin_name}' must be a mapping", path=path))
        return found

    def _refuse_clashes(self, step: Preprocessing, chosen: list[str], made: list[str], path: str) -> None:
        there = (set(self.layout.names) - set(chosen)) | set(self.table.targets)
        problems = [
            Problem(
                f"'{step.plugin_name}' makes a column '{name}', but there is one of that name",
                path=path,
                suggestion="Rename the column in the data, or leave it out with data.columns: {name: ignore}.",
            )
            for name in made
            if name in there
        ]
        if problems:
            raise RecipeError(*problems)

    def _leave_out(self, step: RowFilter, chosen: list[str]) -> None:
        counts = []
        for part in step.parts:
            before = int(self._is(part).sum())
            if not before:
                continue
            keep = self.rows.lazy(part, chosen).select(step.keep(chosen).alias("keep")).collect().to_series()
            left = self.rows.leave_out(part, keep)
            counts.append(f"{left:,} of {before:,} {part} rows")
            if left == before:
                raise DataError(
                    Problem(
                        f"'{step.plugin_name}' leaves out all {before:,} rows of the {part} part",
                        file=self.location,
                        suggestion="Look at its columns, or impute missing values first.",
                    )
                )
        self.notes.append(f"'{step.plugin_name}' leaves out {' and '.join(counts) or 'no rows'}.")

    def _fit_target(self, step: TargetTransform, path: str) -> None:
        import polars as pl

        if self.table.task not in ("regression", "forecasting"):
            raise RecipeError(
                Problem(
                    f"'{step.plugin_name}' works on the numbers of a regression; the task is {self.table.task}",
                    path=path,
                    suggestion="Take the step out.",
                )
            )
        values = self.target.select(pl.all().cast(pl.Float64))
        state = self._state(step, step.fit(values.filter(pl.Series(self._is("train"))).lazy()), path)
        self.target_steps.append(FittedStep(step, self.table.targets, state, self.table.targets))

    def _inputs(self) -> InputSpec:
        """The blocks that the finished columns make.

        Raises:
            DataError: a column is not made of numbers.
            RecipeError: the architecture takes no block of this kind.
        """
        accepts = self.recipe.architecture.accepts
        layout = self.layout
        apart = "categorical" in accepts
        coded = [name for name in layout.names if name in layout.cardinalities]
        problems = [self._leftover(name) for name in layout.names if name not in coded and self._is_leftover(name)]
        if problems:
            raise DataError(*problems)
        numeric = tuple(name for name in layout.names if not (apart and name in coded))
        if not layout.names:
            raise DataError(Problem("no feature is left after preprocessing", file=self.location))
        if numeric and "numeric" not in accepts:
            raise RecipeError(
                Problem(
                    f"'{self.recipe.architecture.plugin_name}' takes {' and '.join(accepts)}, no numbers",
                    path="architecture",
                    found=", ".join(numeric[:5]),
                )
            )
        blocks = {kind: Block((), (0,)) for kind in accepts}
        if "numeric" in accepts:
            blocks["numeric"] = Block(numeric, (len(numeric),))
        if apart:
            sizes = tuple(layout.cardinalities[name] for name in coded)
            blocks["categorical"] = Block(tuple(coded), (len(coded),), sizes)
        return InputSpec(blocks)

    def _is_leftover(self, name: str) -> bool:
        import polars as pl

        dtype, role = self.layout.dtypes[name], self.layout.roles[name]
        return not (dtype.is_numeric() or dtype == pl.Boolean) or role not in ("numeric", "boolean")

    def _leftover(self, name: str) -> Problem:
        role = self.layout.roles[name]
        ignore = f"leave it out with data.columns: {{{name}: ignore}}"
        advice = {
            "categorical": f"Add {{type: one_hot, columns: {name}}} or {{type: ordinal, columns: {name}}} to "
            f"preprocessing, or {ignore}.",
            "datetime": f"Add {{type: datetime_parts, columns: {name}}} to preprocessing, or {ignore}.",
        }
        return Problem(
            f"a {role} column is left after the last preprocessing step, and a network takes numbers",
            file=self.location,
            field=name,
            suggestion=advice.get(role, f"{ignore[0].upper()}{ignore[1:]}."),
        )

    def _write_blocks(self, folder: Path, pipeline: FittedPipeline, counts: dict[Part, int]) -> None:
        """Every row through the steps, batch by batch, to its place in its part's file."""
        files: dict[tuple[Part, int], np.ndarray] = {}
        numbers: dict[Part, np.ndarray] = {}
        done = dict.fromkeys(counts, 0)
        for part, count in counts.items():
            numbers[part] = np.lib.format.open_memmap(folder / f"{part}.rows.npy", "w+", np.int64, (count,))
            for place, kind in enumerate(pipeline.accepts):
                shape = (count, *pipeline.inputs.blocks[kind].shape)
                if shape[1]:
                    name = folder / f"{part}.{kind}.npy"
                    files[part, place] = np.lib.format.open_memmap(name, "w+", _dtype(kind), shape)
        for rows, features in self.rows.batches():
            blocks = pipeline.blocks(features, rows)
            codes = self.rows.codes[rows]
            for part in counts:
                mine = codes == PARTS.index(part)
                span = slice(done[part], done[part] + int(mine.sum()))
                numbers[part][span] = rows[mine]
                for place, block in enumerate(blocks):
                    if (part, place) in files:
                        files[part, place][span] = block[mine]
                done[part] = span.stop
        for file in (*files.values(), *numbers.values()):
            file.flush()  # type: ignore[attr-defined]

    def _write_targets(self, folder: Path, spec: TargetSpec, counts: dict[Part, int]) -> None:
        import polars as pl

        for part in counts:
            rows = np.flatnonzero(self._is(part))
            chosen = self.target.filter(pl.Series(self._is(part)))
            array = targets.encode(spec, chosen, self.location, rows)
            if array.dtype == np.float64:
                array = self._transformed(array, rows)
            np.save(folder / f"{part}.target.npy", array)

    def _transformed(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Target values through their transforms, as float32."""
        import polars as pl

        frame = pl.DataFrame(values, schema=list(self.table.targets), orient="row")
        for step in self.target_steps:
            frame = step.plugin.transform(frame.lazy(), step.state).collect(engine="in-memory")
        array = np.ascontiguousarray(frame.select(self.table.targets).to_numpy(), dtype=np.float32)
        if not np.isfinite(array).all():
            row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(array)))
            raise DataError(
                Problem(
                    "the target is not finite as a 32-bit number",
                    file=self.location,
                    row=int(rows[row]) + 1,
                    field=self.table.targets[column],
                    found=f"{values[row, column]:g}",
                )
            )
        return array


def _words(columns: str | list[str]) -> str:
    return columns if isinstance(columns, str) else " or ".join(columns)
