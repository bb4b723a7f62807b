"""Learning rates by parameter name: what an optimizer's setting `groups` asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from torch import nn
from torch.optim import Optimizer

from recipeline.errors import Problem, RecipeError
from recipeline.families.optimizer import ParameterGroup

SHOWN = 12
"""Parameter names that an error lists."""


def give_rates(optimizer: Optimizer, groups: Sequence[ParameterGroup], named: Mapping[str, nn.Parameter]) -> None:
    """Move the parameters that a pattern fits into torch groups with that rate; their other options stay.

    Args:
        optimizer: Fresh: no step has been made, no scheduler built.
        groups: Patterns and rates; the first pattern that fits a name counts.
        named: The parameters by name.

    Raises:
        RecipeError: a pattern fits no name that an earlier one hasn't taken.
    """
    rates: dict[int, int] = {}
    for number, group in enumerate(groups):
        fitting = [id(p) for name, p in named.items() if fnmatchcase(name, group.pattern) and id(p) not in rates]
        if not fitting:
            raise RecipeError(_fits_nothing(number, group.pattern, named))
        rates |= dict.fromkeys(fitting, number)
    for held in list(optimizer.param_groups):
        parameters = held["params"]
        options = {key: value for key, value in held.items() if key not in ("params", "param_names")}
        held["params"] = [p for p in parameters if id(p) not in rates]
        for number, group in enumerate(groups):
            own = [p for p in parameters if rates.get(id(p)) == number]
            if own:
                optimizer.add_param_group({**options, "params": own, "lr": group.lr})
    optimizer.param_groups[:] = [held for held in optimizer.param_groups if held["params"]]


def _fits_nothing(number: int, pattern: str, named: Mapping[str, nn.Parameter]) -> Problem:
    names = list(named)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    taken = any(fnmatchcase(name, pattern) for name in names)
    return Problem(
        "earlier patterns have taken every parameter that this one fits" if taken else "no parameter has such a name",
        path=f"optimizer.groups[{number}].pattern",
        found=repr(pattern),
        suggestion="Put it before them." if taken else f"There are: {', '.join(names[:SHOWN])}{more}.",
    )
