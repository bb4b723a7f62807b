"""The catalogue that is promised, by name: everything is installed and listed for machines."""

import contextlib
import io
import json

import pytest

from recipeline.catalog import FAMILIES, installed
from recipeline.cli.main import main

PROMISED = {
    "optimizer": "gradient_descent sgd momentum nesterov adagrad adadelta rmsprop adam adamw nadam radam adamax lion "
    "muon adafactor lbfgs newton newton_cg subgradient proximal_gradient pytorch_optimizer",
    "scheduler": "fixed exponential step multi_step linear polynomial cosine cosine_restarts one_cycle inverse_sqrt "
    "plateau cyclic warmup chain",
    "loss": "mse rmse mae huber log_cosh quantile poisson gaussian_nll cross_entropy one_hot_cross_entropy log_loss "
    "binary_cross_entropy focal hinge multi_margin dice kl_divergence momentum weighted_sum",
    "regularization": "l1 l2 elastic_net group_lasso max_norm dropout batch_norm label_smoothing mixup cutmix noise "
    "early_stopping weight_averaging gradient_clip gradient_noise stochastic_depth sharpness_aware augment_image",
    "architecture": "linear mlp tabular_resnet ft_transformer cnn resnet rnn lstm gru transformer pretrained",
    "source": "csv parquet sample image_folder windows",
    "split": "random group time column files",
    "preprocessing": "load_image normalize_image tokenize tokenize_target standardize_series",
    "metric": "accuracy f1 roc_auc log_loss rmse mae r2 poisson_deviance pinball mase exact_match error_rate",
}


@pytest.fixture(scope="module")
def listed() -> dict[str, set[str]]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main(["plugins", "--from", "recipeline", "--json"]) == 0
    found: dict[str, set[str]] = {}
    for plugin in json.loads(out.getvalue()):
        assert plugin["summary"]
        assert plugin["settings"] is not None
        assert plugin["example"]
        found.setdefault(plugin["family"], set()).add(plugin["name"])
    return found


@pytest.mark.parametrize("family", PROMISED)
def test_every_name_is_listed(family, listed):
    assert set(PROMISED[family].split()) <= listed[family]


def test_whatever_is_declared_of_others_is_of_others_that_exist():
    from recipeline.recipe.model import TrainingSettings

    unknown = []
    for entry in installed():
        cls = entry.load()
        for said in (*cls.requires, *cls.conflicts, *cls.goes_badly_with):
            family, _, rest = said.partition(".")
            name, _, setting = rest.partition(".")
            if family == "training":
                known = name.partition("=")[0] in TrainingSettings.model_fields
            elif family in FAMILIES:
                known = name in installed().names(family)
                known = known and (not setting or setting in installed().entry(family, name).load().model_fields)
            else:
                known = said == "validation"
            if not known:
                unknown.append(f"{entry.family}.{entry.name}: {said}")
        unknown += [f"{entry.name}: {said}" for said in cls.reasons if said not in {*cls.requires, *cls.conflicts}]
    assert not unknown
