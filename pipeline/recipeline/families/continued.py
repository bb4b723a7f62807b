"""An architecture that goes on from a model trained before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, PrivateAttr, model_validator

from recipeline.errors import UsageError
from recipeline.families.architecture import Architecture
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.regularization import Regularization
from recipeline.families.spec import InputSpec, State, TargetSpec

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class EarlierStep:
    """A preprocessing step of an earlier model, with the columns that it worked on and what it had learnt."""

    plugin: Preprocessing
    columns: tuple[str, ...]
    state: State


@dataclass(frozen=True, slots=True, eq=False)
class EarlierModel:
    """A model trained before, with all that it takes to go on from it. Equal where the digest is."""

    location: str
    """What a reader would call it: a folder, or a run with its name."""
    sha256: str
    """Of its weights followed by its description: `cat weights.safetensors model.json | sha256sum`."""
    architecture: Architecture
    rewrites: tuple[Regularization, ...]
    """The regularizations that rewrote its network, in order."""
    inputs: InputSpec
    target: TargetSpec
    outputs: int
    weights: Mapping[str, torch.Tensor]
    """Its network's state by name."""
    steps: tuple[EarlierStep, ...]
    run_id: str | None = None
    """The run that made it, where it comes from one."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, EarlierModel) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)


class Continued(Architecture):
    """Starts from a model trained before: one of `run`, `model` and `folder` names it, and the engine brings it.

    It takes what the earlier model took. Preprocessing steps that stand in both, with the same settings and columns,
    keep what they have learnt; a recipe without preprocessing has the earlier model's steps. That the rest gives the
    network what it knows, the same features, codes and channels, is checked before anything is built.
    """

    run: str | None = Field(default=None, min_length=1)
    """The run whose model it is: an id, a unique beginning of one, or a name; in the store that this run goes to."""
    model: str | None = Field(default=None, min_length=1)
    """The model's URI in place of a run: `models:/NAME/VERSION`, `models:/ID` or `runs:/ID/model`."""
    folder: str | None = Field(default=None, min_length=1)
    """A folder with the model in place of a run: beside the recipe or below the working folder. Downloaded from
    MLflow, or the bundle of weights.safetensors and model.json in it."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """The model must be this one: `cat weights.safetensors model.json | sha256sum`. A run notes it by itself."""

    _recipe_folder: Path = PrivateAttr(default=Path())
    _earlier: EarlierModel | None = PrivateAttr(default=None)

    def model_post_init(self, context: Any, /) -> None:
        """Remember the recipe's folder, which a relative path starts from."""
        folder = context.get("folder") if isinstance(context, dict) else None
        if folder is not None:
            self._recipe_folder = Path(folder)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        named = [name for name in ("run", "model", "folder") if getattr(self, name) is not None]
        if len(named) != 1:
            found = " and ".join(named) if named else "none"
            raise ValueError(f"one of run, model and folder says which model to start from ({found} here)")
        if self.run == "last":
            raise ValueError("the last run is this one when it starts: name an id or a name (run: last)")
        return self

    @property
    def accepts(self) -> tuple[str, ...]:  # type: ignore[override]  # it is the earlier model's to say
        """The kinds of block that the earlier model's architecture takes."""
        return self.brought().architecture.accepts

    @property
    def earlier(self) -> EarlierModel | None:
        """The earlier model, once the engine has brought it."""
        return self._earlier

    def brought(self) -> EarlierModel:
        """The earlier model, for `build` to take the layers and weights from."""
        if self._earlier is None:
            raise UsageError(f"The architecture '{self.plugin_name}' has not been given its earlier model yet.")
        return self._earlier

    def places(self) -> Sequence[Path]:
        """Where `folder` may be, in the order in which to look."""
        if self.folder is None:
            return ()
        given = Path(self.folder).expanduser()
        return [given] if given.is_absolute() else list(dict.fromkeys([self._recipe_folder / given, given]))

    def going_on_from(self, earlier: EarlierModel) -> Self:
        """This architecture with its earlier model, which its settings name so that no other is taken for it."""
        settings: dict[str, str | None] = {"sha256": earlier.sha256}
        if self.run is not None:
            settings["run"] = earlier.run_id
        found = self.model_copy(update=settings)
        found._earlier = earlier
        return found

    def plain(self) -> tuple[Architecture, Sequence[Regularization]]:
        """The earlier model's architecture, and what rewrote its network."""
        return self.brought().architecture, self.brought().rewrites
