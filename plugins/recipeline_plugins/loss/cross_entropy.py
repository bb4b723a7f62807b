"""The cross entropy of classes, with weights and smoothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PositiveFloat

from recipeline import Loss, LossFunction, Problem, RecipeError, TargetSpec

if TYPE_CHECKING:
    from recipeline import Task


def class_word(value: Any) -> str:
    """A class as YAML would write it, so that a recipe's `true` and `1` find the classes True and 1."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(value: Any) -> Any:
    """Keys as words: a recipe may write the class 1 as a number."""
    return {class_word(key): weight for key, weight in value.items()} if isinstance(value, Mapping) else value


def balanced(counts: tuple[int, ...]) -> list[float]:
    """Weights that make all classes count the same: n / (k count), which is 1 where all counts are equal."""
    return [sum(counts) / (len(counts) * count) for count in counts]


class CrossEntropy(Loss, name="cross_entropy"):
    """Cross entropy of softmax probabilities: the usual loss where one of several classes is right.

        p = softmax(logits)
        loss = sum over rows w[y] (-log p[y]) / sum over rows w[y]        y: the row's class

    With `label_smoothing` s the target is 1 - s + s / k for the right class and s / k for the others, of k classes
    (Szegedy et al. 2016, Rethinking the Inception Architecture). Without weights and smoothing it is the negative
    log-likelihood. Balanced weights: King & Zeng 2001, Logistic Regression in Rare Events Data; they raise the
    recall of rare classes, and the probabilities are then no longer those of the data.
    """

    tasks: ClassVar[set[Task]] = {"binary", "multiclass"}

    class_weights: (
        Literal["balanced"] | list[PositiveFloat] | Annotated[dict[str, PositiveFloat], BeforeValidator(_words)] | None
    ) = None
    """How much each class counts: `balanced` for n / (k count), a mapping from class to weight (1 where a class
    isn't named), or a list in the order of the sorted classes; null counts all the same."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread over all classes: 0 trusts the labels, 0.1 expects some wrong ones."""

    def build(self, target: TargetSpec) -> LossFunction:
        """Logits (batch, classes) and indices (batch,) to a scalar."""
        import torch
        from torch import nn

        weights = self._weights(target)
        weight = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        return nn.CrossEntropyLoss(weight=weight, label_smoothing=self.label_smoothing)

    def _weights(self, target: TargetSpec) -> list[float] | None:
        given = self.class_weights
        if given is None:
            return None
        words = [class_word(name) for name in target.classes]
        if given == "balanced":
            absent = [word for word, count in zip(words, target.class_counts, strict=False) if count == 0]
            if absent or len(target.class_counts) != len(words):
                raise _refused(
                    "balanced weights need train rows of every class",
                    ", ".join(absent) + " without any" if absent else "no counts",
                    "Give the weights as a mapping, or split with stratify: true.",
                )
            return balanced(target.class_counts)
        if isinstance(given, dict):
            unknown = sorted(set(given) - set(words))
            if unknown:
                raise _refused(
                    "the target has no such class",
                    ", ".join(map(repr, unknown)),
                    f"The classes are: {', '.join(words)}.",
                )
            return [given.get(word, 1.0) for word in words]
        if isinstance(given, list):
            if len(given) != len(words):
                raise _refused(
                    f"a list of class weights needs one for each of the {len(words)} classes",
                    str(len(given)),
                    f"The classes in order are: {', '.join(words)}.",
                )
            return given
        raise TypeError(given)


def _refused(message: str, found: str, suggestion: str) -> RecipeError:
    return RecipeError(Problem(message, path="loss.class_weights", found=found, suggestion=suggestion))
