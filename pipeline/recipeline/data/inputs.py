"""The blocks that the finished columns make for an architecture, and what is wrong where they make none."""

from __future__ import annotations

from dataclasses import dataclass

from recipeline.data import arrays
from recipeline.data.frame import Layout
from recipeline.errors import DataError, Problem, RecipeError
from recipeline.families.architecture import Architecture
from recipeline.families.spec import Block, InputSpec

_ARTICLES = {"image": "an image", "tokens": "a text", "series": "a series"}


@dataclass(frozen=True, slots=True)
class Inputs:
    """What an architecture gets of the columns that are left after the last step."""

    layout: Layout
    architecture: Architecture
    location: str
    """What errors call the data."""

    def blocks(self) -> InputSpec:
        """The blocks that the columns make.

        Raises:
            DataError: a column is not made of numbers.
            RecipeError: the architecture takes no block of this kind.
        """
        accepts = self.architecture.accepts
        layout = self.layout
        apart = "categorical" in accepts
        by_kind = self._array_columns()
        plain = [name for name in layout.names if not any(name in columns for columns in by_kind.values())]
        coded = [name for name in plain if name in layout.cardinalities]
        problems = [self._leftover(name) for name in plain if name not in coded and self._is_leftover(name)]
        if problems:
            raise DataError(*problems)
        numeric = tuple(name for name in plain if not (apart and name in coded))
        if not layout.names:
            raise DataError(Problem("no feature is left after preprocessing", file=self.location))
        if arrays.LENGTHS in accepts and not any(kind in by_kind for kind in arrays.PADDED):
            wanted = " or ".join(kind for kind in arrays.PADDED if kind in accepts)
            raise RecipeError(
                Problem(
                    f"'{self.architecture.plugin_name}' takes {wanted} of unequal lengths, and no column "
                    "is left that has them",
                    path="architecture",
                    found=", ".join(f"{name}: {layout.roles[name]}" for name in layout.names[:5]),
                    suggestion="Say which columns they are with data.columns: {NAME: text} or {NAME: series}.",
                )
            )
        if numeric and "numeric" not in accepts:
            raise RecipeError(
                Problem(
                    f"'{self.architecture.plugin_name}' takes {' and '.join(accepts)}, no numbers",
                    path="architecture",
                    found=", ".join(numeric[:5]),
                    suggestion="Leave these columns out with data.columns: {NAME: ignore}, or take an architecture "
                    "for numbers: recipeline plugins architecture.",
                )
            )
        blocks = {kind: Block((), (0,)) for kind in accepts}
        for kind, names in by_kind.items():
            blocks[kind] = self._array_block(kind, names)
        if arrays.LENGTHS in accepts:
            blocks[arrays.LENGTHS] = Block((arrays.LENGTHS,), ())
        if "numeric" in accepts:
            blocks["numeric"] = Block(numeric, (len(numeric),))
        if apart:
            sizes = tuple(layout.cardinalities[name] for name in coded)
            blocks["categorical"] = Block(tuple(coded), (len(coded),), sizes)
        return InputSpec(blocks)

    def _array_columns(self) -> dict[str, tuple[str, ...]]:
        """The columns of arrays by the kind of block that they make.

        Raises:
            RecipeError: the architecture takes no such block, or not so many of them.
        """
        accepts, name_of = self.architecture.accepts, self.architecture.plugin_name
        found: dict[str, tuple[str, ...]] = {}
        problems = []
        for name in self.layout.names:
            kind = arrays.KINDS.get(self.layout.roles[name])
            if kind is None or not arrays.is_array(self.layout.dtypes[name]):
                continue
            if kind not in accepts:
                problems.append(
                    Problem(
                        f"'{name_of}' takes {' and '.join(accepts)}, and the column '{name}' is {_ARTICLES[kind]}",
                        path="architecture",
                        suggestion="Take an architecture for it (recipeline plugins architecture), or leave the "
                        f"column out with data.columns: {{{name}: ignore}}.",
                    )
                )
            found[kind] = (*found.get(kind, ()), name)
        for kind, names in found.items():
            if len(names) > 1 and kind == "tokens":
                problems.append(
                    Problem(
                        "an architecture takes one column of texts",
                        path="data.columns",
                        found=", ".join(names),
                        suggestion=f"Leave the others out: {{{names[1]}: ignore}}.",
                    )
                )
        if len([kind for kind in found if kind in arrays.PADDED]) > 1 and arrays.LENGTHS in accepts:
            problems.append(
                Problem(
                    "there is one length a row: a text and a series have two",
                    path="data.columns",
                    found=", ".join(name for kind in arrays.PADDED for name in found[kind]),
                    suggestion="Leave one of them out with data.columns.",
                )
            )
        if problems:
            raise RecipeError(*problems)
        return found

    def _array_block(self, kind: str, names: tuple[str, ...]) -> Block:
        """The block of these columns; the length of tokens and series is known when they have been written.

        Raises:
            DataError: the images aren't alike, or it isn't known how many tokens there are.
        """
        if kind == "image":
            dtypes = [self.layout.dtypes[name] for name in names]
            shape = arrays.image_block_shape(dtypes)
            if shape is None:
                raise DataError(
                    Problem(
                        "the images are not of one size"
                        + (": several columns of a row become the channels of one image" if len(names) > 1 else ""),
                        file=self.location,
                        field=", ".join(names),
                        found=", ".join(arrays.spelled(dtype) for dtype in dtypes),
                        suggestion=f"Add {{type: load_image, columns: {names[0] if len(names) == 1 else 'image'}, "
                        "size: [64, 64]} to preprocessing.",
                    )
                )
            return Block(names, shape)
        if kind == "series":
            return Block(names, ())
        if names[0] not in self.layout.cardinalities:
            raise DataError(
                Problem(
                    "these tokens come without a vocabulary: nobody has said how many there are",
                    file=self.location,
                    field=names[0],
                    suggestion="Leave the text as words, and let a preprocessing step make tokens of it.",
                )
            )
        return Block(names, (), (self.layout.cardinalities[names[0]],))

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
            "image": f"Add {{type: load_image, columns: {name}}} to preprocessing, or {ignore}.",
        }
        return Problem(
            f"a {role} column is left after the last preprocessing step, and a network takes numbers",
            file=self.location,
            field=name,
            suggestion=advice.get(role, f"{ignore[0].upper()}{ignore[1:]}."),
        )
