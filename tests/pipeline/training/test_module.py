"""The training step: what losses and regularizations make of a batch, from the recipe to the served answer."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import pytorch_lightning as lightning
import torch

from recipeline.data.pipeline import FittedPipeline
from recipeline.decoding import before
from recipeline.errors import DataError, RecipeError
from recipeline.families.spec import PADDING
from recipeline.network import answers, for_answers
from recipeline.recipe.load import parse
from recipeline.serving.bundle import Predictor, read_description, write_bundle
from recipeline.stages import build
from recipeline.stages.read import complete
from recipeline.training.archive import read
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.kept import to_log
from recipeline.training.module import TrainingModule
from recipeline.training.observer import Observer
from recipeline.training.trainer import make_trainer

RECIPE = """
name: visits
data:
  source: {type: csv, path: visits.csv}
  target: TARGET
  task: TASK
  columns: {IGNORED: ignore}
  split: {type: random, train: 0.6, validation: 0.2, test: 0.2, stratify: false}
architecture: {type: mlp, hidden: [8]}
optimizer: {type: adam, lr: 0.02}
training: {epochs: 3, accelerator: cpu, devices: 1, threads: 1}
"""
REGRESSION = RECIPE.replace("TARGET", "visits").replace("TASK", "regression").replace("IGNORED", "kind")
CLASSES = RECIPE.replace("TARGET", "kind").replace("TASK", "multiclass").replace("IGNORED", "visits")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    visits = rng.poisson(np.exp(3 + 0.5 * a)).astype(float)
    kind = np.array(["x", "y", "z"])[np.digitize(a + b, [-0.5, 0.5])]
    pl.DataFrame({"a": a, "b": b, "visits": visits, "kind": kind}).write_csv(tmp_path / "visits.csv")
    return tmp_path


def prepared(folder: Path, text: str) -> RecipeDataModule:
    module = RecipeDataModule(parse(text, "r.yaml", folder=folder).recipe, folder / "cache", complete)
    _ = module.data
    return module


def trained(folder: Path, text: str) -> SimpleNamespace:
    data = prepared(folder, text)
    lightning.seed_everything(0, verbose=False)
    module = TrainingModule(data.recipe, data.data)
    trainer = make_trainer(data.recipe, folder=folder, logger=None, observer=Observer())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, datamodule=data, weights_only=True)
    return SimpleNamespace(module=module, data=data.data, recipe=data.recipe, trainer=trainer)


def served(made: SimpleNamespace, folder: Path) -> pl.DataFrame:
    pipeline: FittedPipeline = made.data.pipeline
    write_bundle(folder / "m", network=made.module.network, recipe=made.recipe, pipeline=pipeline, batch_size=64)
    return Predictor.load(folder / "m").predict(pl.read_csv(folder / "visits.csv"))


@pytest.mark.parametrize(
    "loss", ["poisson", "gaussian_nll", "{type: momentum, of: poisson}", "{type: weighted_sum, of: poisson}"]
)
def test_what_the_outputs_mean_is_known_to_metrics_and_to_the_served_model(folder: Path, loss: str) -> None:
    made = trained(folder, REGRESSION.replace("epochs: 3", "epochs: 60") + f"loss: {loss}\nmetrics: [rmse]\n")
    rows = pl.read_csv(folder / "visits.csv")
    found = served(made, folder)["prediction"].to_numpy()
    blocks = made.data.pipeline.transform(rows)
    expected = answers(
        for_answers(made.module.network, made.data.inputs, made.data.target),
        blocks,
        made.data.pipeline,
        made.data.target,
        64,
        made.recipe.loss,
    )
    assert np.array_equal(found, expected[:, 0].numpy())
    truth = rows["visits"].to_numpy()
    validation = made.data.parts["validation"].rows
    rmse = np.sqrt(np.mean((found - truth)[validation] ** 2))
    assert float(made.trainer.callback_metrics["val/rmse"]) == pytest.approx(rmse, rel=1e-4)
    assert rmse < 0.7 * truth.std()  # in visits, not in logarithms or standard deviations


def test_a_loss_that_the_answers_do_not_need_is_not_served(folder: Path) -> None:
    served(trained(folder, REGRESSION + "loss: huber\n"), folder)
    assert read_description(folder / "m")["loss"] is None


@pytest.mark.parametrize("loss", ["poisson", "{type: momentum, of: {type: weighted_sum, of: poisson}}"])
def test_counts_are_not_normalized(folder: Path, loss: str) -> None:
    names = [step.plugin_name for step in prepared(folder, REGRESSION + f"loss: {loss}\n").recipe.preprocessing or ()]
    assert "standardize" in names
    assert "normalize_target" not in names
    with pytest.raises(RecipeError) as caught:
        parse(REGRESSION + f"loss: {loss}\npreprocessing: [normalize_target]\n", "r.yaml")
    assert "the loss 'poisson' needs the target in its own unit; 'normalize_target' changes it" in str(caught.value)
    assert caught.value.problems[0].path == "preprocessing[0]"


def test_a_count_below_zero_is_refused_with_its_row(folder: Path) -> None:
    rows = pl.read_csv(folder / "visits.csv").with_row_index("n")
    rows = rows.with_columns(visits=pl.when(pl.col("n") == 41).then(-2.5).otherwise("visits")).drop("n")
    rows.write_csv(folder / "visits.csv")
    data = prepared(folder, REGRESSION + "loss: {type: momentum, of: poisson}\n")
    with pytest.raises(DataError) as caught:
        build._check_target(SimpleNamespace(recipe=data.recipe, data=data.data))  # type: ignore[arg-type]
    assert "the loss 'poisson' can't learn from this value of the " in str(caught.value)
    problem = caught.value.problems[0]
    assert (problem.row, problem.field, problem.found) == (42, "visits", "-2.5")


def test_the_loss_that_is_shown_is_that_of_the_fit(folder: Path) -> None:
    base = REGRESSION.replace("{type: adam, lr: 0.02}", "{type: sgd, lr: 1.0e-9}")
    shown = trained(folder, base + "loss: {type: momentum, beta: 0.9}\n")
    plain = trained(folder, base + "loss: mse\n")
    for name in ("train/loss", "val/loss"):
        ours, theirs = (float(made.trainer.callback_metrics[name]) for made in (shown, plain))
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_learnt_weights_are_trained_with_the_network(folder: Path) -> None:
    made = trained(folder, REGRESSION + "loss: {type: weighted_sum, weights: learned}\n")
    assert made.module.loss.log_noise.item() != 0


@pytest.mark.parametrize("softener", ["{type: mixup, alpha: 1.0}", "label_smoothing"])
@pytest.mark.parametrize(
    "loss", ["cross_entropy", "one_hot_cross_entropy", "focal", "dice", "kl_divergence", "momentum"]
)
def test_losses_take_softened_classes(folder: Path, loss: str, softener: str) -> None:
    made = trained(folder, CLASSES + f"loss: {loss}\nregularization: [{softener}]\n")
    assert made.trainer.callback_metrics["train/loss"].isfinite()


@pytest.mark.parametrize("loss", ["hinge", "multi_margin", "{type: momentum, of: hinge}"])
def test_losses_that_can_not_take_shares_are_refused_in_words(loss: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse(CLASSES + f"loss: {loss}\nregularization: [l2, mixup]\n", "r.yaml")
    (problem,) = caught.value.problems
    assert problem.path == "regularization[1]"
    assert "'mixup' makes shares of classes, which the loss '" in problem.message
    assert "cross_entropy" in (problem.suggestion or "")
    assert "hinge" not in (problem.suggestion or "")


def test_labels_are_smoothed_once(folder: Path) -> None:
    text = CLASSES + "loss: {type: cross_entropy, label_smoothing: 0.1}\nregularization: [label_smoothing]\n"
    words = "'label_smoothing' can't be used together with 'label_smoothing' of the loss 'cross_entropy'"
    with pytest.raises(RecipeError, match=words):
        parse(text, "r.yaml")
    parse(text.replace("label_smoothing: 0.1", "label_smoothing: 0.0"), "r.yaml")


def test_what_stands_inside_another_loss_is_checked_as_well() -> None:
    with pytest.raises(RecipeError, match=r"the loss 'mse' is made for .*, and the task is multiclass") as caught:
        parse(CLASSES + "loss: {type: momentum, of: mse}\n", "r.yaml")
    assert caught.value.problems[0].path == "loss.of"
    with pytest.raises(RecipeError, match="can't be used together with the optimizer 'lbfgs'"):
        parse(REGRESSION.replace("{type: adam, lr: 0.02}", "lbfgs") + "loss: momentum\n", "r.yaml")


@pytest.mark.parametrize(
    ("change", "path"), [("accumulate: 2", "training.accumulate"), ("precision: 16-mixed", "training.precision")]
)
def test_two_gradients_a_step_need_a_step_a_batch(change: str, path: str) -> None:
    text = REGRESSION.replace("epochs: 3", f"epochs: 3, {change}") + "regularization: [sharpness_aware]\n"
    with pytest.raises(RecipeError, match="'sharpness_aware' evaluates a batch twice for one step") as caught:
        parse(text, "r.yaml")
    assert caught.value.problems[0].path == path


def test_everything_at_once_trains_and_is_served(folder: Path) -> None:
    text = CLASSES.replace("{type: mlp, hidden: [8]}", "{type: ft_transformer, width: 8, heads: 2, blocks: 1}")
    names = ["group_lasso", "max_norm", "dropout", "mixup", "noise", "weight_averaging", "gradient_noise"]
    names += ["stochastic_depth", "sharpness_aware", "label_smoothing", "batch_norm"]
    made = trained(folder, text + f"loss: focal\nregularization: [{', '.join(names)}]\n")
    assert made.trainer.callback_metrics["train/loss"].isfinite()
    blocks = made.data.pipeline.transform(pl.read_csv(folder / "visits.csv"))
    expected = answers(
        for_answers(made.module.network, made.data.inputs, made.data.target),
        blocks,
        made.data.pipeline,
        made.data.target,
        64,
    ).numpy()
    assert np.array_equal(served(made, folder).select(pl.selectors.starts_with("prob")).to_numpy(), expected)


def test_the_best_epoch_is_kept_with_the_mean_of_the_weights(folder: Path) -> None:
    text = REGRESSION + "loss: mse\nregularization: [{type: weight_averaging, decay: 0.9}]\nmetrics: [rmse]\n"
    made = trained(folder, text.replace("epochs: 3", "epochs: 4"))
    saved = read(io.BytesIO(to_log(folder / "checkpoints")["best.ckpt"].read_bytes()))
    made.module.load_state_dict(saved["state_dict"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (again,) = made.trainer.validate(made.module, prepared(folder, text).val_dataloader(), verbose=False)
    best = made.trainer.checkpoint_callback.best_model_score
    assert again["val/loss"] == pytest.approx(float(best), rel=1e-5)
    live = next(iter(s["weights"] for s in saved["callbacks"].values() if "weights" in s))
    assert not torch.equal(live["output.weight"], saved["state_dict"]["network.output.weight"])


def test_an_optimizer_that_looks_twice_has_each_batch_counted_once(folder: Path) -> None:
    rate = "optimizer: {type: sgd, lr: 1.0e-9}\n"
    base = REGRESSION.replace("optimizer: {type: adam, lr: 0.02}\n", rate) + "loss: mse\n"
    twice = trained(folder, base + "regularization: [{type: sharpness_aware, rho: 5.0}]\n")
    once = trained(folder, base)
    ours, theirs = (float(made.trainer.callback_metrics["train/loss"]) for made in (twice, once))
    assert ours == pytest.approx(theirs, rel=1e-5)


SOUNDS = """
name: sounds
data: {source: {type: csv, path: sounds.csv}, target: sound, task: sequence, columns: {word: text}}
preprocessing: [{type: tokenize, method: characters}, tokenize_target]
architecture: {type: transformer, width: 8, heads: 2, layers: 1, dropout: 0.1}
optimizer: {type: adam, lr: 0.02}
training: {epochs: 2, batch_size: 16, accelerator: cpu, devices: 1, threads: 1}
"""


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    words = ["".join(rng.choice(list("abcde"), size=rng.integers(1, 8))) for _ in range(150)]
    pl.DataFrame({"word": words, "sound": [" ".join(word.upper()) for word in words]}).write_csv(
        tmp_path / "sounds.csv"
    )
    return tmp_path


@pytest.mark.parametrize("accumulate", [1, 3])
def test_sequences_are_measured_over_all_tokens_and_the_same_in_chunks(spoken: Path, accumulate: int) -> None:
    text = SOUNDS.replace("batch_size: 16", f"batch_size: 16, accumulate: {accumulate}")
    one = trained(spoken, text)
    data = prepared(spoken, text)
    lightning.seed_everything(0, verbose=False)
    module = TrainingModule(data.recipe, data.data)
    trainer = make_trainer(data.recipe, folder=spoken, logger=None, observer=Observer())
    module.automatic_optimization, trainer.accumulate_grad_batches, data.steps_per_call = False, 1, 64
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(module, datamodule=data, weights_only=True)
    weights = module.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in one.module.network.state_dict().items())
    for name in ("train/loss", "val/loss", "val/error_rate", "val/exact_match"):
        assert trainer.callback_metrics[name] == one.trainer.callback_metrics[name]

    part = one.data.parts["validation"]
    network = one.module.network.eval()
    blocks, target = (
        [torch.from_numpy(np.array(block)) for block in part.blocks],
        torch.from_numpy(np.array(part.target)),
    )
    logits = network(*blocks, before(target)).log_softmax(dim=2)
    given = -logits.gather(2, target[:, :, None])[:, :, 0][target != PADDING]  # one a token, the ends among them
    assert float(trainer.callback_metrics["val/loss"]) == pytest.approx(float(given.detach().double().mean()), rel=1e-5)
    said = answers(network, part.blocks, one.data.pipeline, one.data.target, 7)[:, 1:].long()
    right = [
        one.data.target.text(a) == one.data.target.text(b) for a, b in zip(said.tolist(), target.tolist(), strict=True)
    ]
    assert float(trainer.callback_metrics["val/exact_match"]) == pytest.approx(np.mean(right))


def test_a_served_sequence_is_the_same_alone_and_among_others(spoken: Path) -> None:
    made = trained(spoken, SOUNDS)
    pipeline: FittedPipeline = made.data.pipeline
    write_bundle(spoken / "m", network=made.module.network, recipe=made.recipe, pipeline=pipeline, batch_size=64)
    predictor = Predictor.load(spoken / "m")
    rows = pl.read_csv(spoken / "sounds.csv").head(40)
    together = predictor.predict(rows)
    alone = pl.concat([predictor.predict(rows.slice(row, 1)) for row in range(rows.height)])
    assert together["prediction"].to_list() == alone["prediction"].to_list()
    assert together["probability"].to_numpy() == pytest.approx(alone["probability"].to_numpy(), rel=1e-9)
    longest = max(len(word) for word in pl.read_csv(spoken / "sounds.csv")["word"])
    assert together["prediction"].str.split(" ").list.len().max() <= longest


FORECAST = """
name: shops
data:
  source: {type: windows, of: {type: csv, path: sales.csv}, time: day, value: sold, group: shop, length: 3}
  target: t+1
  task: forecasting
  columns: {day: ignore, shop: ignore}
  split: {type: time, column: day, train: 0.6, validation: 0.2, test: 0.2}
preprocessing: []
architecture: {type: gru, hidden: 2}
metrics: [mase]
training: {epochs: 1, accelerator: cpu, devices: 1, threads: 1}
"""


def test_metrics_that_learn_from_the_train_part_are_told_whose_series_a_row_is(tmp_path: Path) -> None:
    sold = [*range(20), *range(1000, 1040, 2)]  # one shop sells one more a day, the other two
    days = [*range(20), *range(20)]
    pl.DataFrame({"day": days, "shop": ["a"] * 20 + ["b"] * 20, "sold": sold}).write_csv(tmp_path / "sales.csv")
    module = prepared(tmp_path, FORECAST)
    series = module.data.series
    assert series is not None
    train = len(module.data.parts["train"])
    assert series.tolist() == [0] * (train // 2) + [1] * (train // 2)
    metric = TrainingModule(module.recipe, module.data).validation_metrics["mase"]
    assert float(metric.naive.mean()) == pytest.approx(1.5)  # the step of 1000 between the shops is no error
