"""Fit the steps on the train rows, run all rows through them, and write the arrays that training reads."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from recipeline.catalog import Catalog, installed
from recipeline.data import arrays, table_file, tokens
from recipeline.data import cache as store
from recipeline.data import target as targets
from recipeline.data.batched import of_table
from recipeline.data.cells import type_name
from recipeline.data.earlier import KeptStates, earlier_of, refuse_others
from recipeline.data.frame import Layout
from recipeline.data.inputs import Inputs
from recipeline.data.packed import packed_type
from recipeline.data.pieces import Pieces, RowFile
from recipeline.data.pipeline import Column, FittedPipeline, FittedStep
from recipeline.data.prepared import Arrays, PreparedData
from recipeline.data.profile import profile
from recipeline.data.read import identity
from recipeline.data.rows import IN_MEMORY_BYTES, Rows, exact_sums
from recipeline.data.split import LEFT_OUT, SplitTable
from recipeline.errors import DataError, Problem, RecipeError, RecipelineError
from recipeline.families.preprocessing import Preprocessing, RowFilter, TargetTokens, TargetTransform
from recipeline.families.spec import PARTS, Block, InputSpec, Part, State, TargetSpec
from recipeline.storage.sealed import Sealed

if TYPE_CHECKING:
    import polars as pl

    from recipeline.recipe.model import Recipe

TARGET_ROWS = 65_536
"""Rows whose targets become numbers at once, at most."""

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
    made = made_of(split_table, recipe, plugins)
    key = store.address(made)
    entry = store.obtain(cache / "arrays", key, _Preparation(split_table, recipe).write, made)
    pipeline = FittedPipeline.from_json(entry.info["pipeline"], plugins, steps).at(split_table.table.location)
    refuse_others(recipe.architecture, pipeline)
    notes = list(entry.info["notes"])
    if entry.repaired:
        notes.append("The cached arrays were damaged and have been made again.")
    parts = _open(entry.folder, entry.info["rows"], pipeline)
    return PreparedData(
        inputs=pipeline.inputs,
        target=pipeline.target,
        parts=parts,
        series=_series(split_table, recipe.data.source.separates(), parts["train"].rows),
        pipeline=pipeline,
        fingerprint=split_table.table.fingerprint,
        key=key,
        cache_hit=entry.hit,
        changed=entry.changed,
        profile=entry.info["profile"],
        notes=tuple(notes),
    )


def address(split_table: SplitTable, recipe: Recipe, catalog: Catalog) -> str:
    """The content address of what `prepare` makes: it changes with anything that the arrays depend on."""
    return store.address(made_of(split_table, recipe, catalog))


def made_of(split_table: SplitTable, recipe: Recipe, catalog: Catalog) -> dict[str, str]:
    """All that the arrays depend on: in words, and an address of each."""
    import hashlib

    import polars as pl

    table, earlier = split_table.table, earlier_of(recipe.architecture)
    kept = KeptStates(recipe.architecture)
    parts: dict[str, Any] = {
        "the data": [table.path.parent.name, table.fingerprint],
        "the split": hashlib.sha256(split_table.codes.tobytes()).hexdigest(),
        "the columns": [[name, split_table.roles[name]] for name in split_table.features],
        "the target": [table.task, table.targets],
        "the inputs of the architecture": recipe.architecture.accepts,
        "the earlier model": None if earlier is None else earlier.sha256,
        "the version of polars": pl.__version__,
    }
    for number, step in enumerate(recipe.preprocessing or ()):
        place = f"preprocessing[{number}] ({step.plugin_name})"
        parts[place] = identity(step, catalog)
        outside = None if kept.has(step) else step.fingerprint()
        if outside is not None:
            parts[f"what the settings of {place} name"] = outside
    return {word: store.address(part) for word, part in parts.items()}


def _open(folder: Path, rows: dict[Part, int], pipeline: FittedPipeline) -> dict[Part, Arrays]:
    def array(name: str, empty: tuple[int, ...], dtype: type) -> np.ndarray:
        path = folder / name
        # Copy on write, because torch warns of arrays that it may not write to.
        return np.load(path, mmap_mode="c", allow_pickle=False) if path.exists() else np.empty(empty, dtype=dtype)

    parts: dict[Part, Arrays] = {}
    for part in PARTS:
        if part not in rows:
            continue
        blocks = tuple(
            array(f"{part}.{kind}.npy", (rows[part], *pipeline.inputs.blocks[kind].shape), _dtype(kind))
            for kind in pipeline.accepts
        )
        target = array(f"{part}.target.npy", (rows[part],), np.float32)
        parts[part] = Arrays(blocks, target, array(f"{part}.rows.npy", (rows[part],), np.int64), pipeline.accepts)
    return parts


def _series(split_table: SplitTable, column: str | None, rows: np.ndarray) -> np.ndarray | None:
    """Which of several series each of these rows belongs to."""
    if column is None:
        return None
    named = split_table.table.scan().select(column).collect().to_series()
    found: np.ndarray = (named.gather(rows).rank("dense").to_numpy() - 1).astype(np.int64)
    return found


def _dtype(kind: str) -> type:
    return np.int64 if kind in ("categorical", "tokens", arrays.LENGTHS) else np.float32


class _Early(NamedTuple):
    """The fit of a step that was begun before its turn."""

    columns: list[str]
    state: Future[State]


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
        self.target_steps: list[FittedStep] = []
        if (row_bytes := _array_bytes(table.scan().select(split_table.features).head(SAMPLE_ROWS).collect())) > 0:
            self.rows.expect_arrays(row_bytes)
        self.notes: list[str] = []
        self.kept = KeptStates(recipe.architecture)

    @cached_property
    def target(self) -> pl.DataFrame:
        """The target columns of all rows."""
        return self.table.scan().select(self.table.targets).collect()

    def write(self, under_way: Sealed) -> dict[str, Any]:
        """Fit, transform and write everything into the folder; returns what opens it again."""
        steps = self.recipe.preprocessing or ()
        with ThreadPoolExecutor(1, "recipeline-beside") as beside:
            # What needs nothing from the steps is done while they are fitted.
            settled = not any(isinstance(step, RowFilter) for step in steps)  # whether the train rows are known
            early = self._begun_early(steps, beside) if settled else {}
            raw_targets = not any(isinstance(step, TargetTransform | TargetTokens) for step in steps)
            target = beside.submit(self._write_raw_targets, under_way) if settled and raw_targets else None
            described = beside.submit(self._profile) if settled else None
            for index, step in enumerate(steps):
                with exact_sums(self.rows.streaming):
                    self._fit(step, f"preprocessing[{index}]", early.get(index))
            self.notes += self.kept.notes()
            if described is None:
                described = beside.submit(self._profile)
            counts = self._counts()
            if target is None:
                spec = self._describe_target()
                targets_written = beside.submit(self._write_targets, under_way, spec, counts)
            else:
                spec, targets_written = target.result(), None
            if spec.task in targets.OF_NUMBERS:
                self.notes += targets.constant(self.target, self._is("train"))
            pipeline = FittedPipeline(
                columns=tuple(
                    Column(name, type_name(self.table.schema[name]), self.split.roles[name])
                    for name in self.split.features
                    if not self._goes_unread(name)
                ),
                steps=tuple(self.rows.steps),
                inputs=Inputs(self.layout, self.recipe.architecture, self.location).blocks(),
                target=spec,
                target_steps=tuple(self.target_steps),
                accepts=tuple(self.recipe.architecture.accepts),
                location=self.location,
            )
            pipeline = self._write_blocks(under_way, pipeline, counts)
            if targets_written is not None:
                targets_written.result()
            return {
                "pipeline": pipeline.to_json(),
                "rows": counts,
                "profile": {"rows": counts, "columns": described.result()},
                "notes": self.notes,
            }

    def _begun_early(self, steps: Sequence[Preprocessing], beside: ThreadPoolExecutor) -> dict[int, _Early]:
        """The fits of steps on columns that, as it seems, no step before them touches; by the place of the step."""
        if not self.rows.streaming:  # all steps work on one frame in memory, which is soon done
            return {}
        begun: dict[int, _Early] = {}
        touched: set[str] = set()
        for index, step in enumerate(steps):
            if isinstance(step, TargetTransform | TargetTokens):
                continue
            try:
                chosen = self.layout.choose(step.columns)
            except RecipeError:  # perhaps a column that a step before it makes
                return begun
            if index and step.fits_beside and chosen and touched.isdisjoint(chosen) and not self.kept.has(step):
                frame = self.rows.lazy("train", chosen)
                begun[index] = _Early(chosen, beside.submit(step.fit, frame))
            touched.update(chosen)
        return begun

    def _counts(self) -> dict[Part, int]:
        """Rows by part; parts without rows are left out."""
        counts = {part: int(self._is(part).sum()) for part in PARTS}
        return {part: count for part, count in counts.items() if count}

    def _write_raw_targets(self, under_way: Sealed) -> TargetSpec:
        """Targets that no step changes, of rows that no step leaves out."""
        spec = self._describe_target()
        self._write_targets(under_way, spec, self._counts())
        return spec

    def _profile(self) -> dict[str, dict[str, Any]]:
        """What the train rows look like before all steps."""
        train = of_table(self.table.path, self._is("train"))
        return profile(train, self.split.features + self.table.targets, self.split.roles, self.table.words)

    def _goes_unread(self, name: str) -> bool:
        """Whether a step drops the column before another has looked at it: where the model serves it may be missing."""
        first = next((step for step in self.rows.steps if name in step.columns), None)
        return first is not None and not first.makes

    def _is(self, part: Part) -> np.ndarray:
        mask: np.ndarray = self.rows.codes == PARTS.index(part)
        return mask

    def _fit(self, step: Preprocessing, path: str, early: _Early | None = None) -> None:
        import polars as pl

        if isinstance(step, TargetTransform):
            self._fit_target(step, path)
            return
        if isinstance(step, TargetTokens):
            texts = self.target.filter(pl.Series(self._is("train"))).lazy()
            learnt = self._state(step, step.fit(texts), path)
            self.target_steps.append(FittedStep(step, self.table.targets, learnt, self.table.targets))
            return
        extra = self.table.targets if isinstance(step, RowFilter) else ()
        chosen = self.layout.choose(step.columns, extra, f"{path}.columns")
        if not chosen:
            self.notes.append(f"'{step.plugin_name}' has nothing to do: no column is {_words(step.columns)}.")
            return
        if isinstance(step, RowFilter):
            self._leave_out(step, chosen)
            return
        state = self.kept.take(step, chosen)
        if state is None:
            if early is not None and early.columns == chosen:  # not if another step has made more columns such ones
                learnt = early.state.result()
            else:
                learnt = step.fit(self.rows.lazy("train", chosen))
            state = self._state(step, learnt, path)
        sample = self.rows.sample("train", SAMPLE_ROWS).select(chosen)
        shown = step.transform(sample.lazy(), state).collect()
        made = shown.schema
        self._refuse_clashes(step, chosen, list(made), path)
        self.rows.advance(FittedStep(step, tuple(chosen), state, tuple(made)))
        if (row_bytes := _array_bytes(shown)) > 0:
            self.rows.expect_arrays(row_bytes)
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

    def _describe_target(self) -> TargetSpec:
        """What is to be predicted, as the train rows show it."""
        if self.table.task != "sequence":
            train = of_table(self.table.path, self._is("train"))
            return targets.describe(self.table.task, self.table.targets, train)
        return tokens.describe(self.target_steps[0], self.target, self._is("train"))

    def _write_blocks(self, under_way: Sealed, pipeline: FittedPipeline, counts: dict[Part, int]) -> FittedPipeline:
        """Every row through the steps, batch by batch, to its place in its part's file.

        Returns:
            The pipeline, now that the longest row of all is known.
        """
        folder = under_way.folder
        pieces = Pieces(folder)
        packed = self._packed_type(pipeline, sum(counts.values()))
        with ExitStack() as stack:
            syncer = stack.enter_context(ThreadPoolExecutor(1, "recipeline-sync"))
            files = {
                (part, name): stack.enter_context(
                    RowFile(folder / f"{part}.{name}.npy", dtype, (count, *shape), syncer)
                )
                for part, count in counts.items()
                for name, dtype, shape in self._files(pipeline, packed)
            }
            # What comes next is made while this is written.
            writer = stack.enter_context(ThreadPoolExecutor(1, "recipeline-writer"))
            done = dict.fromkeys(counts, 0)
            written: Future[None] | None = None
            for made in self._made(pipeline, list(counts), packed):
                if written is not None:
                    written.result()
                written = writer.submit(self._write_batch, made, files, pieces, done)
            if written is not None:
                written.result()
        under_way.digests |= {f"{part}.{name}.npy": file.digest for (part, name), file in files.items()}
        blocks_by_kind = dict(pipeline.inputs.blocks)
        for kind in pieces.kinds:
            self._check_alike(kind, pieces, pipeline)
            shape = pieces.join(kind, counts, _dtype(kind))
            blocks_by_kind[kind] = replace(blocks_by_kind[kind], shape=shape)
        return replace(pipeline, inputs=InputSpec(blocks_by_kind))

    def _packed_type(self, pipeline: FittedPipeline, rows: int) -> np.dtype[Any] | None:
        """The type of a packed row of numbers; None where they had better be float32."""
        import polars as pl

        if "numeric" not in pipeline.accepts:
            return None
        return packed_type(
            [self.layout.dtypes[name] == pl.Boolean for name in pipeline.inputs.blocks["numeric"].names], rows
        )

    def _files(
        self, pipeline: FittedPipeline, packed: np.dtype[Any] | None
    ) -> Iterator[tuple[str, Any, tuple[int, ...]]]:
        """Name, type and shape of a row of what is written as it comes; the rest waits for the longest row."""
        yield "rows", np.int64, ()
        for kind in pipeline.accepts:
            block = pipeline.inputs.blocks[kind]
            if kind == "numeric" and packed is not None:
                yield kind, packed, ()
            elif block.names and not (kind in arrays.PADDED and not block.shape):
                yield kind, np.uint8 if kind == "image" and self._holds_bytes(block) else _dtype(kind), block.shape

    def _made(
        self, pipeline: FittedPipeline, parts: list[Part], packed: np.dtype[Any] | None
    ) -> Iterator[dict[Part, dict[str, np.ndarray]]]:
        """Row numbers and arrays of every batch in order, by part; several go through the steps side by side."""

        def make(rows: np.ndarray, frame: pl.DataFrame) -> dict[Part, dict[str, np.ndarray]]:
            blocks = pipeline.blocks(self.rows.through(frame), rows, packed)
            made = {"rows": rows} | dict(zip(pipeline.accepts, blocks, strict=True))
            codes = self.rows.codes[rows]
            mine = {part: np.flatnonzero(codes == PARTS.index(part)) for part in parts}
            return {part: {name: values.take(mine[part], axis=0) for name, values in made.items()} for part in parts}

        with ThreadPoolExecutor(self.rows.makers, "recipeline-maker") as makers:
            under_way: deque[Future[dict[Part, dict[str, np.ndarray]]]] = deque()
            for rows, frame in self.rows.batches():
                under_way.append(makers.submit(make, rows, frame))
                if len(under_way) > self.rows.makers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

    def _write_batch(
        self,
        made: dict[Part, dict[str, np.ndarray]],
        files: dict[tuple[Part, str], RowFile],
        pieces: Pieces,
        done: dict[Part, int],
    ) -> None:
        """Each of these rows to its part."""
        for part, blocks in made.items():
            span = slice(done[part], done[part] + len(blocks["rows"]))
            for name, values in blocks.items():
                if (part, name) in files:
                    files[part, name].add(values)
                elif name in arrays.PADDED and values.shape[1]:
                    pieces.add(part, name, span, values)
            done[part] = span.stop

    def _holds_bytes(self, block: Block) -> bool:
        return all(arrays.holds_bytes(self.layout.dtypes[name]) for name in block.names)

    def _check_alike(self, kind: str, pieces: Pieces, pipeline: FittedPipeline) -> None:
        """All rows have as many channels and, for an architecture that doesn't ask for lengths, are equally long.

        Raises:
            DataError: they differ.
        """
        channels = {shape[1:] for shape in pieces.shapes(kind)}
        if len(channels) > 1:
            what = "channels"
        elif arrays.LENGTHS not in pipeline.accepts and len(set(pieces.shapes(kind))) > 1:
            what = "lengths"
        else:
            return
        found = ", ".join(" x ".join(map(str, shape)) for shape in sorted(set(pieces.shapes(kind)))[:5])
        raise DataError(
            Problem(
                f"the rows have different {what}",
                file=self.location,
                field=pipeline.inputs.blocks[kind].names[0],
                found=found,
                suggestion="Bring them to one in preprocessing, or leave the odd rows out.",
            )
        )

    def _write_targets(self, under_way: Sealed, spec: TargetSpec, counts: dict[Part, int]) -> None:
        import polars as pl

        if spec.task == "sequence":
            for part in counts:
                mine = self._is(part)
                codes = self._codes(self.target.filter(pl.Series(mine)), np.flatnonzero(mine), part)
                np.save(under_way.folder / f"{part}.target.npy", codes)
            return
        with ExitStack() as stack:
            files: dict[Part, RowFile] = {}
            start = 0
            # Not all at once: 2,000,000 words take 32 MB.
            for target in table_file.record_batches(self.table.path, self.table.targets, TARGET_ROWS):
                parts = self.rows.codes[start : start + target.height]
                inside = parts != LEFT_OUT
                rows = start + np.flatnonzero(inside)
                start += target.height
                if not len(rows):
                    continue
                array = targets.encode(spec, target.filter(inside), self.location, rows)
                if array.dtype == np.float64:
                    array = self._transformed(array, rows)
                for part, count in counts.items():
                    if part not in files:
                        path, shape = under_way.folder / f"{part}.target.npy", (count, *array.shape[1:])
                        files[part] = stack.enter_context(RowFile(path, array.dtype, shape))
                    files[part].add(array.take(np.flatnonzero(parts[inside] == PARTS.index(part)), axis=0))
        under_way.digests |= {f"{part}.target.npy": file.digest for part, file in files.items()}

    def _codes(self, chosen: pl.DataFrame, rows: np.ndarray, part: Part) -> np.ndarray:
        """The part's sequences as codes; those that were cut are told of."""
        coded = tokens.encode(self.target_steps[0], chosen, self.location, rows)
        if coded.cut:
            most = cast("TargetTokens", self.target_steps[0].plugin).length
            self.notes.append(
                f"{coded.cut:,} of {len(rows):,} targets of the {part} part are longer than {most} tokens: what is "
                "beyond is neither learnt nor judged."
            )
        return coded.values

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


def _array_bytes(shown: pl.DataFrame) -> int:
    """Bytes that the arrays of one of these rows take; 0 where there are none."""
    columns = [column for column in shown if column.dtype.is_nested()]
    return sum(int(column.estimated_size()) for column in columns) // max(1, shown.height)


def _words(columns: str | list[str]) -> str:
    return columns if isinstance(columns, str) else " or ".join(columns)
