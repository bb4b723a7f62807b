"""What a recipe leaves open, filled in as soon as the task and the columns' roles are known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from recipeline.catalog import Catalog, installed
from recipeline.families.continued import Continued
from recipeline.families.loss import Loss
from recipeline.families.metric import Metric
from recipeline.families.optimizer import Optimizer
from recipeline.families.plugin import Plugin, means, with_nested
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.report import Report
from recipeline.families.scheduler import Scheduler
from recipeline.families.spec import Role, Task
from recipeline.families.split import Split
from recipeline.recipe.model import Recipe

Settings = dict[str, Any]

OPTIMIZER = "adam"
SCHEDULER = "fixed"
LOSS: dict[Task, str] = {
    "regression": "mse",
    "forecasting": "mse",
    "binary": "cross_entropy",
    "multiclass": "cross_entropy",
    "multilabel": "binary_cross_entropy",
    "sequence": "cross_entropy",
}
METRICS: dict[Task, tuple[str, ...]] = {
    "regression": ("rmse", "mae", "r2"),
    "forecasting": ("mase", "rmse", "mae"),
    "binary": ("accuracy", "f1", "roc_auc"),
    "multiclass": ("accuracy", "f1"),
    "multilabel": ("accuracy", "f1"),
    "sequence": ("error_rate", "exact_match"),
}
REPORTS: dict[Task, tuple[str, ...]] = {
    "regression": ("curves", "learning_rate", "residuals", "predicted_vs_true"),
    "forecasting": ("curves", "learning_rate", "residuals", "predicted_vs_true"),
    "binary": ("curves", "learning_rate", "confusion_matrix", "roc", "calibration"),
    "multiclass": ("curves", "learning_rate", "confusion_matrix", "roc", "calibration"),
    "multilabel": ("curves", "learning_rate"),
    "sequence": ("curves", "learning_rate", "examples"),
}
TARGET_STEP = "normalize_target"
VALUES = ("regression", "forecasting")
"""The tasks whose target is a number."""


def fill(recipe: Recipe, task: Task, roles: Mapping[str, Role], catalog: Catalog | None = None) -> Recipe:
    """The recipe with everything filled in that it leaves open; what it says stays as it is.

    Args:
        recipe: As it was read.
        task: What is to be learnt, as the target shows it or the recipe says.
        roles: The feature columns and their roles.
        catalog: The installed plugins, unless others are meant.
    """
    plugins = catalog or installed()

    def make(family: type[Any], settings: Settings) -> Any:
        return _make(plugins, family, settings)

    def all_of(family: type[Any], names: tuple[str, ...]) -> list[Any]:
        made = [make(family, {"type": name}) for name in names]
        # A usual metric that can't be measured on rows of this source isn't one here.
        return [plugin for plugin in made if not any(means(other, recipe.data.source) for other in plugin.conflicts)]

    split = recipe.data.split or make(Split, split_settings(task))
    loss = recipe.loss or make(Loss, {"type": LOSS[task]})
    steps = preprocessing(task, roles)
    known: list[Preprocessing] = []
    if isinstance(recipe.architecture, Continued) and recipe.architecture.earlier is not None:
        # The network knows what these gave it. The target is this recipe's own.
        known = [step.plugin for step in recipe.architecture.earlier.steps]
        steps = [step for step in steps if step["type"] == TARGET_STEP]
    if any(isinstance(plugin, Loss) and plugin.raw_target for plugin in with_nested(loss)):
        steps = [step for step in steps if step["type"] != TARGET_STEP]
    monitor = recipe.training.monitor or ("val/loss" if split.has("validation") else "train/loss")
    filled: dict[str, Any] = {
        "data": recipe.data.model_copy(update={"split": split, "task": task}),
        "preprocessing": recipe.preprocessing
        if recipe.preprocessing is not None
        else [*known, *(make(Preprocessing, step) for step in steps)],
        "loss": loss,
        "optimizer": recipe.optimizer or make(Optimizer, {"type": OPTIMIZER}),
        "scheduler": recipe.scheduler or make(Scheduler, {"type": SCHEDULER}),
        "metrics": recipe.metrics if recipe.metrics is not None else all_of(Metric, METRICS[task]),
        "reports": recipe.reports if recipe.reports is not None else all_of(Report, REPORTS[task]),
        "training": recipe.training.model_copy(update={"monitor": monitor}),
    }
    return recipe.model_copy(update=filled)


def split_settings(task: Task) -> Settings:
    """70/15/15 at random; each part with the same share of every class."""
    stratify = task in ("binary", "multiclass")
    return {"type": "random", "train": 0.7, "validation": 0.15, "test": 0.15, "stratify": stratify}


def preprocessing(task: Task, roles: Mapping[str, Role]) -> list[Settings]:
    """The usual steps for the roles that the table has: every feature a number, none missing, all of one size."""
    present = set(roles.values())
    steps: list[Settings] = []
    if "image" in present:
        steps += [{"type": "load_image", "columns": "image"}, {"type": "normalize_image", "columns": "image"}]
    if "datetime" in present:
        steps.append({"type": "datetime_parts", "columns": "datetime"})
    if present & {"numeric", "datetime"}:
        steps.append({"type": "impute", "columns": "numeric", "strategy": "median"})
        steps.append({"type": "standardize", "columns": "numeric"})
    steps += [{"type": "one_hot", "columns": role} for role in ("categorical", "boolean") if role in present]
    if "text" in present:
        steps.append({"type": "tokenize", "columns": "text"})
    if "series" in present:
        steps.append({"type": "standardize_series", "columns": "series"})
    if task in VALUES:
        steps.append({"type": TARGET_STEP})
    if task == "sequence":
        steps.append({"type": "tokenize_target"})
    return steps


def _make(catalog: Catalog, family: type[Plugin], settings: Settings) -> Plugin:
    cls = catalog.find(family, settings["type"])
    return cls.model_validate({key: value for key, value in settings.items() if key != "type"})
