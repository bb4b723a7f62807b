"""The columns of a table on their way through the steps: which there are, what role each has, which are codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from recipeline.data import roles as column_roles
from recipeline.errors import Problem, RecipeError
from recipeline.families.preprocessing import Columns, Preprocessing
from recipeline.families.spec import Role, State

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns at one point between two steps, in order."""

    roles: Mapping[str, Role]
    dtypes: Mapping[str, pl.DataType]
    cardinalities: Mapping[str, int] = field(default_factory=dict)
    """Number of codes of the columns that hold codes."""

    @property
    def names(self) -> list[str]:
        """The columns' names in order."""
        return list(self.roles)

    def choose(self, columns: Columns, extra: Sequence[str] = (), path: str = "") -> list[str]:
        """The columns that a step's `columns` setting means, in this layout's order.

        Args:
            columns: A role, a name, a glob, or a list of these.
            extra: Further columns that may be named and that `all` includes: the target, for a row filter.
            path: The setting's place in the recipe, for errors.

        Raises:
            RecipeError: a name or a glob fits no column. A role that no column has is no error.
        """
        there = [*self.names, *extra]
        chosen: set[str] = set()
        problems = []
        for word in [columns] if isinstance(columns, str) else columns:
            if word == "all":
                found = set(there)
            elif (role := column_roles.as_role(word)) is not None:
                found = {name for name in self.names if self.roles[name] == role}
            elif word in there:
                found = {word}
            else:
                found = {name for name in self.names if column_roles.is_glob(word) and fnmatchcase(name, word)}
                if not found:
                    what = "no column matches" if column_roles.is_glob(word) else "there is no column"
                    problems.append(
                        Problem(f"{what} '{word}' here", path=path, suggestion=column_roles.did_you_mean(word, there))
                    )
            chosen |= found
        if problems:
            raise RecipeError(*problems)
        return [name for name in there if name in chosen]

    def after(self, step: Preprocessing, chosen: Sequence[str], made: pl.Schema, state: State) -> Layout:
        """The layout once the chosen columns have made room for those that the step has made."""
        codes = dict(step.cardinalities(state))
        roles: dict[str, Role] = {}
        dtypes: dict[str, pl.DataType] = {}
        cardinalities = {name: count for name, count in self.cardinalities.items() if name not in chosen}
        cardinalities |= {name: count for name, count in codes.items() if name in made}
        for name in order(self.names, chosen, list(made)):
            if name not in made:
                roles[name], dtypes[name] = self.roles[name], self.dtypes[name]
                continue
            dtypes[name] = made[name]
            old = self.roles.get(name) if name in chosen else None
            if step.new_role is not None:
                roles[name] = step.new_role
            elif name in codes:
                roles[name] = old or "categorical"
            elif old is not None and made[name] == self.dtypes[name]:
                roles[name] = old
            else:
                roles[name] = column_roles.of_type(made[name])
        return Layout(roles, dtypes, cardinalities)


def order(names: Sequence[str], chosen: Sequence[str], made: Sequence[str]) -> list[str]:
    """The names after a step: a column that keeps its name keeps its place; new ones follow the last chosen one.

    Made columns that a step returns in another order than it got them keep the places all the same.
    """
    taken = set(chosen)
    kept = set(made)
    new = [name for name in made if name not in taken]
    last = max((place for place, name in enumerate(names) if name in taken), default=len(names) - 1)
    found: list[str] = []
    for place, name in enumerate(names):
        if name not in taken or name in kept:
            found.append(name)
        if place == last:
            found += new
    return found if names else list(made)


def put_back(frame: pl.DataFrame, chosen: Sequence[str], made: pl.DataFrame) -> pl.DataFrame:
    """The frame with the chosen columns replaced by those made from them."""
    import polars as pl

    names = order(frame.columns, chosen, made.columns)
    columns = [made.get_column(name) if name in made.columns else frame.get_column(name) for name in names]
    return pl.DataFrame(columns) if columns else pl.DataFrame(height=frame.height)
