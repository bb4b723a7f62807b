from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pydantic import ValidationError
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from recipeline_plugins.regularization.weight_averaging import WeightAveraging
from recipeline_plugins.regularization.weight_averaging_callback import decay_at


class Module(pl.LightningModule):
    """A network that notes its weights after each step, and what validation is run with."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
        self.steps: list[torch.Tensor] = []
        self.validated: list[torch.Tensor] = []

    def weight(self) -> torch.Tensor:
        return self.network.get_parameter("0.weight").detach().clone()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return nn.functional.mse_loss(self.network(batch[0]), batch[1])

    def on_train_batch_end(self, *args: Any) -> None:
        self.steps.append(self.weight())

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.validated.append(self.weight())

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.network.parameters(), lr=0.2)


def loader() -> DataLoader[Any]:
    torch.manual_seed(1)
    return DataLoader(TensorDataset(torch.randn(12, 2), torch.randn(12, 1)), batch_size=4)


def fit(
    plugin: WeightAveraging,
    folder: Path,
    epochs: int = 3,
    resume: Path | None = None,
    network: type[Module] = Module,
) -> tuple[Module, pl.Trainer]:
    module = network()
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, callbacks=plugin.callbacks(), enable_checkpointing=False, default_root_dir=folder,
    )  # fmt: skip
    trainer.fit(module, loader(), loader(), ckpt_path=resume, weights_only=True)
    return module, trainer


@pytest.fixture(autouse=True)
def _quiet(recwarn: Any) -> None:
    import warnings

    warnings.filterwarnings("ignore", category=UserWarning, module="pytorch_lightning")


def test_validation_sees_the_exponential_mean(tmp_path: Path) -> None:
    module, _ = fit(WeightAveraging(decay=0.5), tmp_path)
    mean = module.steps[0]
    means = [mean]
    for t, weight in enumerate(module.steps[1:]):
        d = min(0.5, (1 + t) / (10 + t))
        mean = d * mean + (1 - d) * weight
        means.append(mean)
    for epoch in range(3):
        torch.testing.assert_close(module.validated[3 * epoch], means[3 * epoch + 2])
    torch.testing.assert_close(module.weight(), means[-1])


def test_validation_sees_the_equal_mean_of_the_epochs_from_the_start_on(tmp_path: Path) -> None:
    module, _ = fit(WeightAveraging(kind="equal", start=2), tmp_path)
    ends = module.steps[2::3]
    assert torch.equal(module.validated[0], ends[0])
    torch.testing.assert_close(module.validated[3], ends[1])
    torch.testing.assert_close(module.validated[6], (ends[1] + ends[2]) / 2)


def test_without_a_past_it_is_the_training_itself(tmp_path: Path) -> None:
    module, _ = fit(WeightAveraging(decay=0.0), tmp_path)
    assert torch.equal(module.validated[-1], module.steps[-1])


class Noisy(Module):
    """One whose targets say something else at every step."""

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        return nn.functional.mse_loss(self.network(batch[0]), torch.randn_like(batch[1]))


def test_the_mean_jitters_less_than_the_weights(tmp_path: Path) -> None:
    module, _ = fit(WeightAveraging(decay=0.9), tmp_path, epochs=30, network=Noisy)
    ends, means = torch.stack(module.steps[2::3]), torch.stack(module.validated[::3])
    assert means.diff(dim=0)[15:].norm() < 0.6 * ends.diff(dim=0)[15:].norm()


def test_training_goes_on_with_the_weights_and_not_with_the_mean(tmp_path: Path) -> None:
    averaged, _ = fit(WeightAveraging(decay=0.9), tmp_path)
    plain, _ = fit(WeightAveraging(decay=0.0), tmp_path)
    for ours, theirs in zip(averaged.steps, plain.steps, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("plugin", [WeightAveraging(decay=0.9), WeightAveraging(kind="equal", start=1)])
def test_a_checkpoint_holds_the_mean_and_goes_on_exactly(plugin: WeightAveraging, tmp_path: Path) -> None:
    straight, _ = fit(plugin, tmp_path, epochs=4)
    half = Module()
    saver = pl.callbacks.ModelCheckpoint(tmp_path, filename="kept", save_on_train_epoch_end=True, every_n_epochs=2)
    trainer = pl.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, callbacks=[*plugin.callbacks(), saver], default_root_dir=tmp_path,
    )  # fmt: skip
    trainer.fit(half, loader(), loader())
    saved = torch.load(tmp_path / "kept.ckpt", weights_only=True)["state_dict"]
    torch.testing.assert_close(saved["network.0.weight"], half.validated[-1])
    resumed, _ = fit(plugin, tmp_path, epochs=4, resume=tmp_path / "kept.ckpt")
    assert torch.equal(resumed.steps[-1], straight.steps[-1])
    assert torch.equal(resumed.weight(), straight.weight())


def test_averages_the_statistics_of_batch_normalization_and_not_its_counter(tmp_path: Path) -> None:
    module, _ = fit(WeightAveraging(decay=0.9), tmp_path)
    assert module.network.get_buffer("1.num_batches_tracked") == 9


def test_the_past_counts_less_at_first() -> None:
    assert [decay_at(t, 0.999) for t in (0, 1)] == pytest.approx([0.1, 2 / 11])
    assert decay_at(100_000, 0.999) == 0.999


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"decay": 1.0}, "less than 1"),
        ({"kind": "equal", "decay": 0.9}, "decay is read only with kind: exponential"),
        ({"start": 0}, "greater than or equal to 1"),
        ({"kind": "swa"}, "'exponential' or 'equal'"),
    ],
)
def test_refuses(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WeightAveraging.model_validate(settings)
