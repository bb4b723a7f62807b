"""What a network that was trained before needs of new data: the same features, coded the same way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recipeline.data.pipeline import FittedPipeline, FittedStep
from recipeline.errors import Problem, RecipeError
from recipeline.families.architecture import Architecture
from recipeline.families.continued import Continued, EarlierModel, EarlierStep
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.spec import Block, State

SHOWN = 5
"""Feature names that an error lists."""


def earlier_of(architecture: Architecture) -> EarlierModel | None:
    """The model that this architecture starts from."""
    return architecture.earlier if isinstance(architecture, Continued) else None


class KeptStates:
    """What the earlier model's steps had learnt, each handed out once to a step of the same settings and columns."""

    def __init__(self, architecture: Architecture) -> None:
        self.earlier = earlier_of(architecture)
        self._left = list(self.earlier.steps) if self.earlier is not None else []
        self.taken: list[str] = []
        """The names of the steps that took theirs, in order."""

    def take(self, step: Preprocessing, columns: Sequence[str]) -> State | None:
        """The state of the same step on the same columns; None where there was none."""
        for place, known in enumerate(self._left):
            if known.columns == tuple(columns) and known.plugin.as_recipe() == step.as_recipe():
                del self._left[place]
                self.taken.append(step.plugin_name)
                return known.state
        return None

    def has(self, step: Preprocessing) -> bool:
        """Whether such a step is among the earlier model's."""
        return any(known.plugin.as_recipe() == step.as_recipe() for known in self._left)

    def notes(self) -> list[str]:
        """What a reader should be told."""
        if self.earlier is None or not self.taken:
            return []
        which = ", ".join(f"'{name}'" for name in self.taken)
        return [f"From the earlier model comes what these steps have learnt: {which}."]


def refuse_others(architecture: Architecture, pipeline: FittedPipeline) -> None:
    """See that the network gets what it was trained on.

    What a number means is not in its weights: a feature in another's place, or a word under another's code, would
    train on, and badly.

    Raises:
        RecipeError: the features, their order, the codes or the channels are others; the message names what differs.
    """
    earlier = earlier_of(architecture)
    if earlier is None:
        return
    problems = [
        Problem(message, path="architecture", found=found, suggestion=suggestion)
        for message, found, suggestion in _differences(earlier, pipeline)
    ]
    if problems:
        raise RecipeError(*problems)


def _differences(earlier: EarlierModel, pipeline: FittedPipeline) -> Iterator[tuple[str, str, str]]:
    """(what is wrong, what was found, what would be right) for each kind of input."""
    for kind in earlier.architecture.accepts:
        # A kind that an architecture has learnt to take since is not among the inputs of an older model.
        there, here = (inputs.blocks.get(kind, _NONE) for inputs in (earlier.inputs, pipeline.inputs))
        if bool(there.names) != bool(here.names):
            yield (
                f"the earlier model has {'' if there.names else 'not '}been trained with {_INPUTS.get(kind, kind)}",
                f"here: {_listed(here.names) or 'none'}; there: {_listed(there.names) or 'none'}",
                "Choose the same columns with data.columns.",
            )
        elif kind in ("numeric", "categorical") and there.names != here.names:
            lacking = [name for name in there.names if name not in here.names]
            further = [name for name in here.names if name not in there.names]
            what = f"lacking: {_listed(lacking) or 'none'}; further: {_listed(further) or 'none'}"
            same = sorted(there.names) == sorted(here.names)
            yield (
                f"the earlier model was trained with {'these features in another order' if same else 'other features'}",
                f"order here: {_listed(here.names)}" if same else what,
                f"There: {_listed(there.names)}. Bring the columns and the steps to the same.",
            )
        elif kind in ("image", "series") and _channels(kind, there.shape) != _channels(kind, here.shape):
            yield (
                f"the earlier model's {_INPUTS[kind]} have {_channels(kind, there.shape)} channels",
                str(_channels(kind, here.shape)),
                "Write load_image with the channels that it had there."
                if kind == "image"
                else "Choose the same columns.",
            )
        elif kind in ("tokens", "categorical", "numeric"):
            yield from _codes(kind, earlier, pipeline)


def _codes(kind: str, earlier: EarlierModel, pipeline: FittedPipeline) -> Iterator[tuple[str, str, str]]:
    """A code must stand for the same word or category."""
    there, here = (inputs.blocks.get(kind, _NONE) for inputs in (earlier.inputs, pipeline.inputs))
    for then, name in zip(there.names, here.names, strict=True):
        old, new = _coded(earlier.steps, then), _coded(pipeline.steps, name)
        if old is None or new is None:
            same = old is new and there.cardinalities == here.cardinalities
        else:
            same = old.state.get(then, old.state) == new.state.get(name, new.state)
        if same:
            continue
        yield (
            f"the vocabulary of '{name}' is not the one that the earlier model knows"
            if kind == "tokens"
            else f"the codes of '{name}' are not those that the earlier model knows",
            _settings_that_differ(old, new),
            "Leave preprocessing out, so that the earlier model's steps are taken, or write them with the same "
            "settings and columns: they keep what they had learnt.",
        )


def _coded(steps: Sequence[EarlierStep | FittedStep], name: str) -> EarlierStep | FittedStep | None:
    """The last step that made codes of this column."""
    return next((step for step in reversed(steps) if name in step.plugin.cardinalities(step.state)), None)


def _settings_that_differ(old: EarlierStep | FittedStep | None, new: EarlierStep | FittedStep | None) -> str:
    if old is None or new is None:
        return f"here by {_name(new)}, there by {_name(old)}"
    then, now = old.plugin.as_recipe(), new.plugin.as_recipe()
    if then["type"] != now["type"]:
        return f"here by {_name(new)}, there by {_name(old)}"
    other = [f"{key}: {now[key]} here, {then.get(key)} there" for key in now if now[key] != then.get(key)]
    if old.columns != new.columns:
        other.append(f"columns {_listed(new.columns)} here, {_listed(old.columns)} there")
    return "; ".join(other) or "the same settings, learnt from other rows"


def _name(step: EarlierStep | FittedStep | None) -> str:
    return "the source" if step is None else f"'{step.plugin.plugin_name}'"


def _channels(kind: str, shape: Sequence[int]) -> int:
    """Images are (channels, height, width), series (longest, channels)."""
    return shape[0] if kind == "image" else shape[-1]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


_NONE = Block((), (0,))
_INPUTS = {
    "numeric": "columns of numbers",
    "categorical": "columns of codes",
    "image": "images",
    "tokens": "texts",
    "series": "series",
}
