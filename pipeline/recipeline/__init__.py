"""Train models from a short YAML recipe.

This is the public door: what users and plugin authors import, and nothing else. The heavy parts are imported when
they are first used, so that a plugin's settings and `recipeline validate` cost no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recipeline.errors import (
    DataError,
    EnvironmentFault,
    MissingExtra,
    Problem,
    RecipeError,
    RecipelineError,
    TrainingError,
    UnsafeError,
    UsageError,
)
from recipeline.families.architecture import Architecture, StepByStep
from recipeline.families.loss import Loss, LossFunction
from recipeline.families.metric import Metric
from recipeline.families.optimizer import Optimizer, ParameterGroup
from recipeline.families.plugin import Plugin, PluginReference, references
from recipeline.families.preprocessing import Columns, Preprocessing, RowFilter, TargetTokens, TargetTransform
from recipeline.families.regularization import Proximal, Regularization
from recipeline.families.report import Report
from recipeline.families.scheduler import Scheduler
from recipeline.families.source import Source, TypedFile
from recipeline.families.spec import (
    BEGIN,
    END,
    PADDING,
    SIGNS,
    UNKNOWN,
    Block,
    InputSpec,
    Length,
    Part,
    Results,
    Role,
    State,
    TargetSpec,
    Task,
)
from recipeline.families.split import FILE_COLUMN, Split
from recipeline.hooks import RunContext, hookimpl

if TYPE_CHECKING:
    from recipeline.catalog import direction
    from recipeline.data.table_file import record_batches, record_rows, write_batches
    from recipeline.families.continued import Continued, EarlierModel
    from recipeline.recipe.by_name import ByName
    from recipeline.recipe.load import load_recipe
    from recipeline.recipe.model import Recipe
    from recipeline.runner import RunResult, run
    from recipeline.storage.temporary import temporary_folder

__version__ = "0.1.0"

__all__ = [
    "BEGIN",
    "END",
    "FILE_COLUMN",
    "PADDING",
    "SIGNS",
    "UNKNOWN",
    "Architecture",
    "Block",
    "ByName",
    "Columns",
    "Continued",
    "DataError",
    "EarlierModel",
    "EnvironmentFault",
    "InputSpec",
    "Length",
    "Loss",
    "LossFunction",
    "Metric",
    "MissingExtra",
    "Optimizer",
    "ParameterGroup",
    "Part",
    "Plugin",
    "PluginReference",
    "Preprocessing",
    "Problem",
    "Proximal",
    "Recipe",
    "RecipeError",
    "RecipelineError",
    "Regularization",
    "Report",
    "Results",
    "Role",
    "RowFilter",
    "RunContext",
    "RunResult",
    "Scheduler",
    "Source",
    "Split",
    "State",
    "StepByStep",
    "TargetSpec",
    "TargetTokens",
    "TargetTransform",
    "Task",
    "TrainingError",
    "TypedFile",
    "UnsafeError",
    "UsageError",
    "__version__",
    "direction",
    "hookimpl",
    "load_recipe",
    "record_batches",
    "record_rows",
    "references",
    "run",
    "temporary_folder",
    "write_batches",
]

_LATER = {
    "ByName": "recipeline.recipe.by_name",
    "Continued": "recipeline.families.continued",
    "EarlierModel": "recipeline.families.continued",
    "direction": "recipeline.catalog",
    "record_batches": "recipeline.data.table_file",
    "record_rows": "recipeline.data.table_file",
    "temporary_folder": "recipeline.storage.temporary",
    "write_batches": "recipeline.data.table_file",
    "Recipe": "recipeline.recipe.model",
    "load_recipe": "recipeline.recipe.load",
    "RunResult": "recipeline.runner",
    "run": "recipeline.runner",
}


def __getattr__(name: str) -> Any:
    """Import the heavy part of the door when it is first asked for (PEP 562)."""
    if name not in _LATER:
        raise AttributeError(f"module 'recipeline' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value
