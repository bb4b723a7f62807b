import pytest

from recipeline.catalog import installed
from recipeline.recipe.checks import check
from recipeline.recipe.defaults import fill, preprocessing, split_settings
from recipeline.recipe.load import parse

SHORT = "name: x\ndata: {source: {type: csv, path: a.csv}, target: y}\narchitecture: mlp\n"
ROLES = {"a": "numeric", "b": "categorical", "c": "datetime", "d": "boolean", "e": "ignore"}


def names(plugins):
    return [plugin.plugin_name for plugin in plugins]


@pytest.fixture
def short():
    return parse(SHORT, "r.yaml").recipe


@pytest.mark.parametrize(
    ("task", "loss", "metrics", "reports"),
    [
        ("regression", "mse", ["rmse", "mae", "r2"], ["curves", "learning_rate", "residuals", "predicted_vs_true"]),
        ("binary", "cross_entropy", ["accuracy", "f1", "roc_auc"],
         ["curves", "learning_rate", "confusion_matrix", "roc", "calibration"]),
        ("multiclass", "cross_entropy", ["accuracy", "f1"],
         ["curves", "learning_rate", "confusion_matrix", "roc", "calibration"]),
        ("multilabel", "binary_cross_entropy", ["accuracy", "f1"], ["curves", "learning_rate"]),
        ("sequence", "cross_entropy", ["error_rate", "exact_match"], ["curves", "learning_rate", "examples"]),
    ],
)  # fmt: skip
def test_each_task_has_its_usual_parts(task, loss, metrics, reports):
    architecture = "transformer" if task == "sequence" else "mlp"
    recipe = fill(parse(SHORT.replace("mlp", architecture), "r.yaml").recipe, task, ROLES)
    assert recipe.loss.plugin_name == loss
    assert names(recipe.metrics) == metrics
    assert names(recipe.reports) == reports
    assert recipe.optimizer.plugin_name == "adam"
    assert recipe.scheduler.plugin_name == "fixed"
    assert recipe.training.monitor == "val/loss"
    assert recipe.data.task == task
    assert check(recipe, installed(), task) == []


def test_the_split_keeps_the_shares_of_the_classes(short):
    assert split_settings("multiclass")["stratify"] is True
    assert split_settings("regression")["stratify"] is False
    split = fill(short, "binary", {}).data.split
    assert (split.plugin_name, split.train, split.validation, split.test) == ("random", 0.7, 0.15, 0.15)


def test_the_steps_follow_the_roles():
    assert [(s["type"], s.get("columns")) for s in preprocessing("regression", ROLES)] == [
        ("datetime_parts", "datetime"),
        ("impute", "numeric"),
        ("standardize", "numeric"),
        ("one_hot", "categorical"),
        ("one_hot", "boolean"),
        ("normalize_target", None),
    ]
    assert [s["type"] for s in preprocessing("binary", {"a": "numeric"})] == ["impute", "standardize"]
    assert [s["type"] for s in preprocessing("binary", {"a": "categorical", "b": "ignore"})] == ["one_hot"]
    assert preprocessing("binary", {}) == []


def test_what_the_recipe_says_stays(good):
    recipe = parse(good, "r.yaml").recipe
    assert fill(recipe, "binary", ROLES) == recipe


def test_an_empty_list_is_an_answer():
    recipe = parse(SHORT + "preprocessing: []\nmetrics: []\nreports: []\n", "r.yaml").recipe
    filled = fill(recipe, "binary", ROLES)
    assert (filled.preprocessing, filled.metrics, filled.reports) == ([], [], [])


def test_without_a_validation_part_the_train_loss_is_watched():
    text = SHORT.replace("target: y", "target: y, split: {type: random, train: 0.8, validation: 0, test: 0.2}")
    assert fill(parse(text, "r.yaml").recipe, "binary", {}).training.monitor == "train/loss"
