from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pydantic import ValidationError

from recipeline import RecipeError
from recipeline_plugins.regularization.early_stopping import EarlyStopping


class Script(pl.LightningModule):
    """Reports the numbers that it was given, an epoch each."""

    def __init__(self, name: str, values: list[float]) -> None:
        super().__init__()
        self.name, self.values = name, values
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        return self.weight.sum()

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log(self.name, self.values[min(self.current_epoch, len(self.values) - 1)])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def epochs(plugin: EarlyStopping, values: list[float], name: str = "val/loss") -> int:
    trainer = pl.Trainer(
        max_epochs=20, accelerator="cpu", callbacks=plugin.callbacks(), logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    data = torch.utils.data.DataLoader(torch.zeros(1, 1))
    trainer.fit(Script(name, values), data, data)
    return trainer.current_epoch


quiet = pytest.mark.filterwarnings("ignore:.*(many workers|training batches).*")


@quiet
@pytest.mark.parametrize(
    ("settings", "values", "expected"),
    [
        ({"patience": 2}, [1.0, 0.9, 0.95, 0.93, 0.5], 4),
        ({"patience": 3}, [1.0, 0.9, 0.95, 0.93, 0.5, 0.5], 8),
        ({"patience": 1, "min_delta": 0.2}, [1.0, 0.9, 0.5], 2),
    ],
)
def test_stops_after_the_patience(settings: dict[str, Any], values: list[float], expected: int) -> None:
    assert epochs(EarlyStopping.model_validate(settings), values) == expected


@quiet
def test_a_patience_as_long_as_the_training_never_stops_it() -> None:
    assert epochs(EarlyStopping(patience=20), [1.0, 2.0]) == 20


@quiet
def test_knows_that_more_accuracy_is_better() -> None:
    plugin = EarlyStopping(monitor="val/accuracy", patience=1)
    assert epochs(plugin, [0.5, 0.6, 0.7, 0.7], "val/accuracy") == 4


@quiet
def test_a_missing_metric_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="val/loss"):
        epochs(EarlyStopping(), [1.0], "val/other")


def test_declares_what_it_watches() -> None:
    assert EarlyStopping(monitor="val/f1").monitors() == "val/f1"
    assert EarlyStopping.requires == {"validation"}


@pytest.mark.parametrize(
    ("monitor", "mode", "expected"),
    [("val/loss", "auto", "min"), ("val/rmse", "auto", "min"), ("val/f1", "auto", "max"), ("val/x", "max", "max")],
)
def test_mode(monitor: str, mode: Any, expected: str) -> None:
    (callback,) = EarlyStopping(monitor=monitor, mode=mode).callbacks()
    assert getattr(callback, "mode") == expected  # noqa: B009  # Callback itself has no mode


def test_an_unknown_metric_needs_a_mode() -> None:
    with pytest.raises(RecipeError, match=r"no metric is named 'acuracy'.*Did you mean 'accuracy'.*`mode: min`"):
        EarlyStopping(monitor="val/acuracy").callbacks()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patience": 0}, "greater than or equal to 1"),
        ({"patience": 1.5}, "valid integer"),
        ({"min_delta": -0.1}, "greater than or equal to 0"),
        ({"mode": "down"}, "'auto', 'min' or 'max'"),
        ({"monitor": ""}, "at least 1 character"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        EarlyStopping.model_validate(settings)
