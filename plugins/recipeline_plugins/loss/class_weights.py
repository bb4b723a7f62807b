"""How much each class counts in a loss: by hand, or by how rare it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PositiveFloat

from recipeline import Problem, RecipeError, TargetSpec

BETA = 0.999
"""The `beta` of effective numbers where a recipe names none."""


def class_word(value: Any) -> str:
    """A class as YAML would write it, so that a recipe's `true` and `1` find the classes True and 1."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(value: Any) -> Any:
    """Keys as words: a recipe may write the class 1 as a number."""
    return {class_word(key): weight for key, weight in value.items()} if isinstance(value, Mapping) else value


ClassWeights = (
    Literal["balanced", "effective_number"]
    | list[PositiveFloat]
    | Annotated[dict[str, PositiveFloat], BeforeValidator(_words)]
)


def balanced(counts: Sequence[int]) -> list[float]:
    """Weights that make all classes count the same: n / (k count), which is 1 where all counts are equal."""
    return [sum(counts) / (len(counts) * count) for count in counts]


def effective_number(counts: Sequence[int], beta: float) -> list[float]:
    """Weights by the inverse of the effective number of rows, (1 - beta) / (1 - beta ** count), with a sum of k.

    beta 0 gives 1 for each class; towards 1 they become those of `balanced`, up to their scale.
    """
    if beta == 0:
        return [1.0 for _ in counts]
    raw = [1 / -math.expm1(count * math.log(beta)) for count in counts]
    return [len(counts) * each / sum(raw) for each in raw]


def refuse_unread_beta(weights: ClassWeights | None, beta: float | None) -> None:
    """Raise ValueError for a `beta` that nothing would read."""
    if beta is not None and weights != "effective_number":
        raise ValueError("beta is read only with class_weights: effective_number")


def weights_for(given: ClassWeights | None, beta: float | None, target: TargetSpec) -> list[float] | None:
    """A weight for each class in the order of the target's, or None where all count the same.

    Raises:
        RecipeError: the classes are others, or the rule needs rows of every class.
    """
    if given is None:
        return None
    words = [class_word(name) for name in target.classes]
    if isinstance(given, str):
        absent = [word for word, count in zip(words, target.class_counts, strict=False) if count == 0]
        if absent or len(target.class_counts) != len(words):
            raise _refused(
                f"{given} weights need train rows of every class",
                ", ".join(absent) + " without any" if absent else "no counts",
                "Give the weights as a mapping, or split with stratify: true.",
            )
        if given == "balanced":
            return balanced(target.class_counts)
        return effective_number(target.class_counts, BETA if beta is None else beta)
    if isinstance(given, dict):
        unknown = sorted(set(given) - set(words))
        if unknown:
            raise _refused(
                "the target has no such class",
                ", ".join(map(repr, unknown)),
                f"The classes are: {', '.join(words)}.",
            )
        return [given.get(word, 1.0) for word in words]
    if len(given) != len(words):
        raise _refused(
            f"a list of class weights needs one for each of the {len(words)} classes",
            str(len(given)),
            f"The classes in order are: {', '.join(words)}.",
        )
    return given


def _refused(message: str, found: str, suggestion: str) -> RecipeError:
    return RecipeError(Problem(message, path="loss.class_weights", found=found, suggestion=suggestion))
