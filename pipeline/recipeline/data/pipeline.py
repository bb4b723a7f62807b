"""The fitted steps of a recipe: raw rows in, the blocks that a network takes out, and the way back for targets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from recipeline.catalog import Catalog
from recipeline.data import arrays, cells
from recipeline.data.frame import put_back
from recipeline.data.packed import float32, pack
from recipeline.errors import DataError, Problem, RecipelineError, UsageError
from recipeline.families.preprocessing import Preprocessing, TargetTokens, TargetTransform
from recipeline.families.spec import Block, InputSpec, Role, State, TargetSpec

if TYPE_CHECKING:
    import polars as pl
    import torch

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Column:
    """A raw column that the steps expect."""

    name: str
    dtype: str
    """Int64, Float64, Boolean, String, Date, Datetime or Binary, or arrays such as `Array(UInt8, 28, 28)`."""
    role: Role


@dataclass(frozen=True, slots=True)
class FittedStep:
    """A step with the columns that it works on and what it has learnt."""

    plugin: Preprocessing
    columns: tuple[str, ...]
    state: State
    makes: tuple[str, ...] = ()
    """The names of the columns that it makes out of them."""

    def apply(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The frame with this step's columns made over; rows and their order stay."""
        if not self.columns:
            return frame
        if not self.makes:  # what it drops may be missing where the model serves
            return frame.drop(self.columns, strict=False)
        made = self.plugin.transform(frame.lazy().select(self.columns), self.state).collect(engine="in-memory")
        if made.width and made.height != frame.height:
            raise UsageError(
                f"The preprocessing step '{self.plugin.plugin_name}' turned {frame.height} rows into {made.height}: "
                "transform must keep every row."
            )
        return put_back(frame, self.columns, made)


@dataclass(frozen=True, slots=True)
class FittedPipeline:
    """All that serving needs to know of the data, JSON-able.

    Missing and unseen values are each step's business, written in its documentation; what is still missing after
    the last step is an error that names row and column.
    """

    columns: tuple[Column, ...]
    """The raw columns, in the source's order."""
    steps: tuple[FittedStep, ...]
    inputs: InputSpec
    target: TargetSpec
    target_steps: tuple[FittedStep, ...] = ()
    """The target's transforms, in the order in which they were applied; of a sequence what makes its tokens."""
    accepts: tuple[str, ...] = ("numeric",)
    """The kinds of block, in the architecture's order."""
    location: str = field(default="the rows", compare=False)
    """What errors call the rows."""

    def transform(self, frame: pl.DataFrame) -> tuple[np.ndarray, ...]:
        """Raw rows to one array a block, in the order of `accepts`; every row stays, in its place.

        Columns may hold numbers, words, dates, lists of numbers or images as JSON and CSV carry them. Further
        columns are ignored.

        Args:
            frame: The raw rows.

        Raises:
            DataError: a column isn't there, or a cell can't be what it should be; row and column are named.
        """
        return self.blocks(self.features(self.typed(frame)))

    def typed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The expected columns in their own types.

        Raises:
            DataError: a column isn't there, or a cell can't be what it should be.
        """
        absent = [column.name for column in self.columns if column.name not in frame.columns]
        if absent:
            expected = f"Expected columns: {', '.join(column.name for column in self.columns)}."
            said = Problem("this column is missing", file=self.location)
            *others, last = (replace(said, field=name) for name in absent)
            raise DataError(*others, replace(last, suggestion=expected))
        types = {column.name: column.dtype for column in self.columns}
        images = {column.name for column in self.columns if column.role == "image"}
        return cells.cast(frame, types, self.location, images)

    def features(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Typed rows through every step."""
        for step in self.steps:
            frame = step.apply(frame)
        return frame

    def blocks(
        self, features: pl.DataFrame, rows: np.ndarray | None = None, packed: np.dtype[Any] | None = None
    ) -> tuple[np.ndarray, ...]:
        """Finished features to one array a block: (rows, *shape); tokens and series as long as the longest row.

        Args:
            features: What `features` gave.
            rows: Each row's number in the source, from 0, for errors; by default they are counted here.
            packed: How the rows of numbers are packed; by default they aren't.

        Raises:
            DataError: a value is missing or not finite.
        """
        made: dict[str, np.ndarray] = {}
        for kind, block in self.inputs.blocks.items():
            if kind in arrays.KINDS.values() and block.names:
                made |= self._arrays(features, kind, block, rows)
        for kind in self.accepts:
            if kind not in made:
                names = self.inputs.blocks[kind].names
                if packed is not None and kind == "numeric":
                    made[kind] = self._packed(features, names, packed, rows)
                    continue
                made[kind] = self._block(features, names, np.int64 if kind == "categorical" else np.float32, rows)
        return tuple(made[kind] for kind in self.accepts)

    def _arrays(
        self, features: pl.DataFrame, kind: str, block: Block, rows: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        """A block of arrays and, if the architecture takes them, the lengths of its rows."""
        import polars as pl

        columns = [features.get_column(name) for name in block.names]
        numbers = np.arange(features.height) if rows is None else rows
        for column in columns:
            if not arrays.is_array(column.dtype) or (kind == "image" and arrays.image_shape(column.dtype) is None):
                raise DataError(
                    Problem(
                        "this is no image of the size that the model takes" if kind == "image" else "this is no array",
                        file=self.location,
                        field=column.name,
                        found=str(column.dtype),
                        suggestion="Send numbers as they were in the training, or train with the preprocessing step "
                        "load_image, which takes paths, bytes and numbers.",
                    )
                )
            bad = arrays.holes(column)
            if bad.any():
                raise self._hole(pl.DataFrame([column]), [column.name], pl.DataFrame({column.name: bad}), rows)
        if kind == "image":
            found = arrays.images(columns)
            self._check_shape(found.shape[1:], block, columns[0].name)
            return {kind: found}
        padded = arrays.tokens(columns[0]) if kind == "tokens" else arrays.series(columns, self.location, numbers)
        if arrays.LENGTHS in self.accepts:
            self._check_shape(padded.values.shape[2:], Block(block.names, block.shape[1:]), columns[0].name)
            return {kind: padded.values, arrays.LENGTHS: padded.lengths}
        uneven = np.flatnonzero(padded.lengths != (block.shape[0] if block.shape else padded.values.shape[1]))
        if uneven.size:
            row = int(uneven[0])
            raise DataError(
                Problem(
                    "the architecture takes rows of one length only, and this one is shorter or longer than others",
                    file=self.location,
                    row=int(numbers[row]) + 1,
                    field=columns[0].name,
                    found=f"{padded.lengths[row]} values",
                    suggestion="Bring them to one length in preprocessing, or take an architecture for unequal "
                    "lengths: recipeline plugins architecture.",
                )
            )
        return {kind: padded.values}

    def _check_shape(self, found: tuple[int, ...], block: Block, name: str) -> None:
        """The shape of one example must be that of the training, where it is known already."""
        if block.shape and found != block.shape:
            raise DataError(
                Problem(
                    "the model takes arrays of another shape",
                    file=self.location,
                    field=name,
                    found=" x ".join(map(str, found)),
                    suggestion=f"Expected: {' x '.join(map(str, block.shape))}.",
                )
            )

    def _block(self, features: pl.DataFrame, names: Sequence[str], dtype: type, rows: np.ndarray | None) -> np.ndarray:
        import polars as pl

        if not names:
            return np.empty((features.height, 0), dtype=dtype)
        chosen = features.select(names)
        if dtype is np.int64:
            holes = [name for name in names if chosen.get_column(name).null_count()]
            if holes:
                raise self._hole(chosen, holes, chosen.select(pl.all().is_null()), rows)
            return np.require(chosen.cast(pl.Int64).to_numpy(), None, ["C", "W"])  # torch warns of others
        numbers = chosen.select(map(float32, chosen)).to_numpy(order="c")  # nulls become NaN
        array = np.require(numbers, np.float32, ["C", "W"])
        if not np.isfinite(array).all():
            bad = pl.DataFrame(~np.isfinite(array), schema=list(names))
            raise self._hole(chosen, [name for name in names if bad[name].any()], bad, rows)
        return array

    def _packed(
        self, features: pl.DataFrame, names: Sequence[str], dtype: np.dtype[Any], rows: np.ndarray | None
    ) -> np.ndarray:
        chosen = features.select(names)
        found = pack(chosen, dtype)
        if found is None:
            self._block(features, names, np.float32, rows)  # finds the cell that is missing, and says where it is
            kinds = {str(chosen.schema[name]) for name in names}
            raise RecipelineError(f"a step gives another type for these rows than for the first ones ({sorted(kinds)})")
        return found

    def _hole(self, chosen: pl.DataFrame, names: list[str], bad: pl.DataFrame, rows: np.ndarray | None) -> DataError:
        import polars as pl

        problems = []
        for name in names:
            row = bad[name].arg_true()[0]
            value = chosen[name][row]
            if isinstance(value, pl.Series):
                message, found = "a value in this array is missing or not finite", None
                advice = "Fill it in, or leave the row out."
            elif value is None or value != value:
                message, found = "a value is missing after the last preprocessing step", None
                advice = f"Add {{type: impute, columns: {name}}} or drop_missing to preprocessing, or fill it in."
                if chosen[name].dtype.is_nested():
                    advice = f"Add {{type: drop_missing, columns: {name}}} to preprocessing, or fill it in."
            else:
                message, found = "a value is not finite as a 32-bit number", repr(value)
                advice = "Normalize the column, clip its outliers, or mend the cell."
            number = 1 + (row if rows is None else int(rows[row]))
            problems.append(
                Problem(message, file=self.location, row=number, field=name, found=found, suggestion=advice)
            )
        return DataError(*problems)

    def restore_target(self, values: torch.Tensor) -> torch.Tensor:
        """Normalized values (rows, targets) back in the target's original unit, as float64."""
        values = values.double()
        for step in reversed(self.target_steps):
            if isinstance(step.plugin, TargetTokens):
                continue
            values = cast("TargetTransform", step.plugin).inverse(values, step.state)
        return values

    def at(self, location: str) -> FittedPipeline:
        """This pipeline, calling the rows by this name in errors."""
        return replace(self, location=location)

    def to_json(self) -> dict[str, Any]:
        """This pipeline as plain data, for `from_json`."""
        return {
            "format": FORMAT,
            "columns": [{"name": c.name, "dtype": c.dtype, "role": c.role} for c in self.columns],
            "steps": [_step_to_json(step) for step in self.steps],
            "accepts": list(self.accepts),
            "inputs": {
                kind: {"names": list(b.names), "shape": list(b.shape), "cardinalities": list(b.cardinalities)}
                for kind, b in self.inputs.blocks.items()
            },
            "target": {
                "task": self.target.task,
                "columns": list(self.target.columns),
                "classes": list(self.target.classes),
                "class_counts": list(self.target.class_counts),
                "longest": self.target.longest,
                "separator": self.target.separator,
            },
            "target_steps": [_step_to_json(step) for step in self.target_steps],
        }

    @classmethod
    def from_json(
        cls, data: Mapping[str, Any], catalog: Catalog, plugins: Sequence[Preprocessing] = ()
    ) -> FittedPipeline:
        """The pipeline that `to_json` wrote.

        Args:
            data: What `to_json` gave.
            catalog: Where the steps' classes are looked up by name.
            plugins: The steps themselves, if they are at hand; they are matched by their settings.

        Raises:
            UsageError: another version wrote it.
            RecipeError: a step isn't installed.
        """
        if data.get("format") != FORMAT:
            raise UsageError(f"The fitted pipeline has format {data.get('format')!r}: this version reads {FORMAT}.")
        target = data["target"]
        return cls(
            columns=tuple(Column(c["name"], c["dtype"], c["role"]) for c in data["columns"]),
            steps=tuple(_step_from_json(step, catalog, plugins) for step in data["steps"]),
            accepts=tuple(data["accepts"]),
            inputs=InputSpec(
                {
                    kind: Block(tuple(b["names"]), tuple(b["shape"]), tuple(b["cardinalities"]))
                    for kind, b in data["inputs"].items()
                }
            ),
            target=TargetSpec(
                task=target["task"],
                columns=tuple(target["columns"]),
                classes=tuple(target["classes"]),
                class_counts=tuple(target["class_counts"]),
                longest=target["longest"],
                separator=target["separator"],
            ),
            target_steps=tuple(_step_from_json(step, catalog, plugins) for step in data["target_steps"]),
        )


def _step_to_json(step: FittedStep) -> dict[str, Any]:
    return {
        "plugin": step.plugin.as_recipe(),
        "columns": list(step.columns),
        "makes": list(step.makes),
        "state": step.state,
    }


def _step_from_json(data: Mapping[str, Any], catalog: Catalog, plugins: Sequence[Preprocessing]) -> FittedStep:
    written = dict(data["plugin"])
    at_hand = [plugin for plugin in plugins if plugin.as_recipe() == written]
    if at_hand:
        plugin = at_hand[0]
    else:
        settings = {key: value for key, value in written.items() if key != "type"}
        family: type[Any] = Preprocessing  # abstract: what is found is one of its plugins
        plugin = catalog.find(family, written["type"]).model_validate_json(json.dumps(settings))
    return FittedStep(plugin, tuple(data["columns"]), dict(data["state"]), tuple(data["makes"]))
