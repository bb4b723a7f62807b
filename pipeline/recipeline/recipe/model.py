"""A recipe as typed, checked, frozen settings: what every stage of a run reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr

from recipeline import secrecy
from recipeline.families.architecture import Architecture
from recipeline.families.from_environment import FromEnvironment
from recipeline.families.loss import Loss
from recipeline.families.metric import Metric
from recipeline.families.optimizer import Optimizer
from recipeline.families.plugin import Plugin, with_nested
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.regularization import Regularization
from recipeline.families.report import Report
from recipeline.families.scheduler import Scheduler
from recipeline.families.source import Source
from recipeline.families.spec import Role, Task
from recipeline.families.split import Split
from recipeline.recipe.by_name import ByName


class Section(BaseModel):
    """A mapping of a recipe: strict about types and about keys that it doesn't know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


class DataSettings(Section):
    """Where the rows come from and what is to be predicted."""

    source: Annotated[Source, ByName()]
    """Where the rows come from."""
    target: Annotated[str, Field(min_length=1)] | Annotated[list[str], Field(min_length=1)]
    """The column to predict, or a list of them."""
    task: Literal["auto"] | Task = "auto"
    """What is to be learnt; `auto` looks at the target."""
    columns: dict[str, Role] = {}
    """Roles of columns (names or globs), where the inferred ones are not right."""
    split: Annotated[Split, ByName()] | None = None
    """Which rows train, validate and test; by default 70/15/15 at random, stratified for classes."""


class CheckpointSettings(Section):
    """When a checkpoint is made that the run can be resumed from; the end of the training always is such a moment."""

    epochs: Literal["auto"] | Annotated[int, Field(ge=1)] | None = "auto"
    """At the end of every so many epochs; `auto` as often as takes a twentieth of the time, null at none."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """After so many optimizer steps, in the middle of an epoch too."""
    minutes: Annotated[float, Field(gt=0)] | None = None
    """After so many minutes, in the middle of an epoch too."""
    keep: int = Field(default=2, ge=2)
    """How many are kept: where the newest is damaged, the one before it is taken."""


class TrainingSettings(Section):
    """How long, in what portions, on what device."""

    epochs: int = Field(default=20, ge=1)
    """Passes over the train part."""
    batch_size: Annotated[int, Field(ge=1)] | Literal["full", "auto"] = 32
    """Examples in a step: 1 is stochastic descent, `full` is gradient descent on the whole train part, `auto` the
    largest power of two that the memory and the train part bear, at most 1024 on a CPU."""
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"] = "auto"
    """The kind of device."""
    devices: Literal["auto"] | Annotated[int, Field(ge=1)] | list[int] = "auto"
    """How many devices, or which."""
    strategy: str = "auto"
    """Lightning's strategy for several devices: auto, ddp, fsdp, ..."""
    precision: Literal["32-true", "16-mixed", "bf16-mixed", "bf16-true", "64-true"] = "32-true"
    """Number format of the computation."""
    accumulate: int = Field(default=1, ge=1)
    """Mini-batches whose gradients are averaged before a step."""
    threads: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """CPU threads of torch; `auto` takes one for small models, which are fastest and steadiest on one."""
    workers: Literal["auto"] | Annotated[int, Field(ge=0)] = "auto"
    """Processes that cut batches ahead of the training; the weights are the same. `auto` takes up to four where the
    train rows are too many for the memory and there are more than two cores, and 0 elsewhere: what lies in memory is
    cut sooner than handed over."""
    on_nonfinite: Literal["stop", "skip", "halve_lr"] = "stop"
    """What happens when loss or gradient of a step is NaN or Inf: the training stops and says where, or the step is
    left out, or it is left out and the learning rate halved."""
    steps_per_call: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    """Mini-batches that one Lightning step goes through; more cost less, and the weights are the same."""
    checkpoint: CheckpointSettings = CheckpointSettings()
    """When a checkpoint is made that the run can be resumed from."""
    compile: bool = False
    """Let torch compile the network: takes up to a minute at first and needs a C++ compiler on a CPU; pays for large
    networks. The last digits change, and dropout draws other numbers."""
    deterministic: bool = True
    """Only algorithms that give the same numbers every time."""
    monitor: str | None = None
    """The metric that chooses the best epoch; by default `val/loss`."""
    mode: Literal["auto", "min", "max"] = "auto"
    """Whether less or more of `monitor` is better; `auto` asks the metric."""


class TrackingSettings(FromEnvironment, Section):
    """Where the run is logged in MLflow."""

    experiment: str | None = None
    """The MLflow experiment; by default the recipe's name."""
    uri: str | None = None
    """The MLflow tracking URI; by default MLflow's own, `sqlite:///mlflow.db` in the working folder."""
    register_as: str | None = None
    """Register the model under this name."""
    tags: dict[str, str] = {}
    """Tags of the run."""
    system_metrics: bool = False
    """Log CPU, memory and GPU use as well."""


class Recipe(Section):
    """One training, from data to a logged model."""

    recipe: Literal[1] = 1
    """The format's version."""
    name: str = Field(min_length=1, max_length=200)
    """What this trains, as a short name; the MLflow run and experiment take it."""
    description: str = ""
    """What this trains and why, in a sentence or two."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """The same seed gives the same numbers on the same machine."""
    data: DataSettings
    """Where the rows come from, what is to be predicted, how they are split."""
    preprocessing: list[Annotated[Preprocessing, ByName()]] | None = None
    """Cleaning, conversion and normalization, in order; fitted on the train part only."""
    architecture: Annotated[Architecture, ByName()]
    """The network."""
    loss: Annotated[Loss, ByName()] | None = None
    """What training makes small; by default the task's usual one."""
    optimizer: Annotated[Optimizer, ByName()] | None = None
    """How a gradient becomes a step; by default Adam."""
    scheduler: Annotated[Scheduler, ByName()] | None = None
    """How the learning rate changes; by default it does not."""
    regularization: list[Annotated[Regularization, ByName()]] = []
    """What keeps the model from learning the train rows by heart."""
    metrics: list[Annotated[Metric, ByName()]] | None = None
    """What is measured; by default the task's usual ones."""
    training: TrainingSettings = TrainingSettings()
    """How long, in what portions, on what device."""
    tracking: TrackingSettings = TrackingSettings()
    """Where the run is logged."""
    reports: list[Annotated[Report, ByName()]] | None = None
    """Figures that are logged; by default those that suit the task."""

    _text: str = PrivateAttr(default="")
    _file: Path | None = PrivateAttr(default=None)

    @property
    def text(self) -> str:
        """The file's text as it was written, for the record; empty for a recipe that comes from no file."""
        return self._text

    @property
    def file(self) -> Path | None:
        """The file that this was read from; None for a recipe that comes from none."""
        return self._file

    def stands_in(self, file: Path | None, text: str) -> None:
        """Note the file that this was read from, and its text."""
        self._file, self._text = file, text

    def remember(self, text: str, written: Mapping[tuple[str | int, ...], str]) -> None:
        """Note the text that this was read from, and what in it came from the environment, by path."""
        self._text = text
        sections: list[tuple[tuple[str, ...], FromEnvironment]] = [
            (("data", "source"), self.data.source),
            (("tracking",), self.tracking),
        ]
        for start, section in sections:
            size = len(start)
            section.remember_environment(
                {path[size:]: value for path, value in written.items() if path[:size] == start}
            )
        secrecy.remember(self._typed_secrets())

    def redact(self, text: str) -> str:
        """A text without secrets: `${env:NAME}` stands for every value that the recipe takes from the environment."""
        return secrecy.hide(text, self.secrets())

    def secrets(self) -> dict[str, str]:
        """Value -> what stands in its place: settings of the type SecretStr, and what came from the environment."""
        return self._typed_secrets() | self.data.source.secrets() | self.tracking.secrets()

    def _typed_secrets(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for each in (*self.plugins(), self.tracking):
            for name in type(each).model_fields:
                value = getattr(each, name, None)
                if isinstance(value, SecretStr) and value.get_secret_value():
                    found[value.get_secret_value()] = secrecy.MASK
        return found

    def __eq__(self, other: object) -> bool:
        """Equal settings; the text that they were read from doesn't count."""
        return isinstance(other, Recipe) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # it holds lists

    def as_recipe(self) -> dict[str, Any]:
        """This recipe as plain data, every default written out; loading it gives an equal recipe."""
        return self.model_dump(mode="json")

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns."""
        target = self.data.target
        return (target,) if isinstance(target, str) else tuple(target)

    def plugins(self) -> list[Plugin]:
        """Every plugin that this recipe names, in the order in which a run meets them.

        One that stands among another's settings comes after it.
        """
        named: list[Plugin | None] = [
            self.data.source,
            self.data.split,
            *(self.preprocessing or []),
            self.architecture,
            self.loss,
            self.optimizer,
            self.scheduler,
            *self.regularization,
            *(self.metrics or []),
            *(self.reports or []),
        ]
        return [each for plugin in named if plugin is not None for each in with_nested(plugin)]
