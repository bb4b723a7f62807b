"""The contract checks: what every plugin promises, run by its author in one line.

    from recipeline.testing import check_plugin

    def test_contract():
        check_plugin(HuberLoss)                              # with its default settings
        check_plugin(HuberLoss, settings={"delta": 0.1})     # as a recipe would write them

An AssertionError names the plugin and the promise that it breaks. The checks are built-in and third-party plugins'
alike; they need neither pytest nor a recipe. One file a family.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from recipeline.families.architecture import Architecture
from recipeline.families.loss import Loss
from recipeline.families.metric import Metric
from recipeline.families.optimizer import Optimizer
from recipeline.families.plugin import Plugin
from recipeline.families.preprocessing import Preprocessing
from recipeline.families.regularization import Regularization
from recipeline.families.report import Report
from recipeline.families.scheduler import Scheduler
from recipeline.families.source import Source
from recipeline.families.spec import InputSpec
from recipeline.families.split import Split
from recipeline.testing.architecture import check_architecture
from recipeline.testing.loss import check_loss
from recipeline.testing.metric import check_metric
from recipeline.testing.optimizer import check_optimizer
from recipeline.testing.preprocessing import check_preprocessing
from recipeline.testing.regularization import check_regularization
from recipeline.testing.report import check_report
from recipeline.testing.scheduler import check_scheduler
from recipeline.testing.settings import check_settings
from recipeline.testing.source import check_source
from recipeline.testing.split import check_split

if TYPE_CHECKING:
    import polars as pl

__all__ = ["check_plugin"]


def check_plugin(
    plugin: type[Plugin] | Plugin,
    settings: Mapping[str, Any] | None = None,
    *,
    frame: pl.DataFrame | None = None,
    inputs: InputSpec | None = None,
) -> None:
    """Check that a plugin keeps the promises of all plugins, and those of its family.

    Args:
        plugin: The class, or an instance with the settings to check.
        settings: Settings as a recipe would write them; the defaults where there are none.
        frame: For preprocessing and split: a table with the columns that the settings name. By default a made-up
            one has columns of every role.
        inputs: For an architecture that takes other inputs than the columns of a table.

    Raises:
        AssertionError: a promise is broken. The sentence names the plugin and the promise.
    """
    made = check_settings(plugin, settings)
    match made:
        case Source():
            check_source(made)
        case Split():
            check_split(made, frame)
        case Preprocessing():
            check_preprocessing(made, frame)
        case Architecture():
            check_architecture(made, inputs)
        case Loss():
            check_loss(made)
        case Optimizer():
            check_optimizer(made)
        case Scheduler():
            check_scheduler(made)
        case Regularization():
            check_regularization(made)
        case Metric():
            check_metric(made)
        case Report():
            check_report(made)
