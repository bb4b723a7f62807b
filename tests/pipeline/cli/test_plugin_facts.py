import pytest

from recipeline.catalog import installed
from recipeline.cli.plugin_facts import facts, for_tasks, in_words, usual_for
from recipeline.families.spec import TASKS

EVERY = [entry.load() for entry in installed()]

# (plugin, label, what is said among it)
SAID = [
    ("source.windows", "split", "`split.time` alone"),
    ("preprocessing.one_hot", "columns", "categorical by default"),
    ("preprocessing.one_hot", "makes", "boolean columns"),
    ("preprocessing.drop_columns", "columns", "those that the recipe names"),
    ("preprocessing.drop_missing", "rows", "none when serving"),
    ("preprocessing.normalize_target", "columns", "the target; undone"),
    ("architecture.cnn", "reads", "images, as `preprocessing.load_image` makes them; series"),
    ("loss.mse", "tasks", "regression, forecasting"),
    ("loss.mse", "by default for", "regression, forecasting"),
    ("loss.focal", "shares of classes", "taken with `regularization.cutmix`"),
    ("loss.hinge", "shares of classes", "not taken: refused with `regularization.cutmix`"),
    ("loss.poisson", "target", "refused with `preprocessing.normalize_target`"),
    ("optimizer.adam", "by default for", "all"),
    ("optimizer.adam", "batch size", "any"),
    ("optimizer.newton", "batch size", "best `full`"),
    ("optimizer.lbfgs", "each step", "`accumulate` above 1"),
    ("optimizer.newton", "rates by name", "refused"),
    ("optimizer.gradient_descent", "needs", "`training.batch_size: full`: its steps follow"),
    ("optimizer.proximal_gradient", "takes over", "`regularization.l1`"),
    ("scheduler.cosine", "moves", "after each optimizer step by default"),
    ("scheduler.plateau", "needs", "a validation part"),
    ("regularization.l1", "exact zeros", "`optimizer.proximal_gradient`"),
    ("regularization.mixup", "classes", "`loss.cross_entropy`"),
    ("regularization.cutmix", "inputs", "images or series"),
    ("regularization.sharpness_aware", "each step", "evaluates a batch twice"),
    ("regularization.batch_norm", "refused with", "`training.batch_size: 1`: one row"),
    ("loss.cross_entropy", "refused with", "`regularization.label_smoothing`, its `label_smoothing` set"),
    ("optimizer.newton", "refused with", "`loss.momentum`: it evaluates"),
    ("metric.rmse", "better", "less"),
    ("metric.accuracy", "to watch it", "`monitor: val/accuracy`"),
    ("report.curves", "by default for", "all"),
]


@pytest.mark.parametrize(("name", "label", "text"), SAID)
def test_what_a_class_declares_is_said(name, label, text):
    cls = installed().entry(*name.split(".")).load()
    said = [words for key, words in facts(cls, EVERY) if key == label]
    assert any(text in words for words in said), said


def test_a_plugin_that_nobody_else_is_known_to_says_what_it_knows_alone():
    cls = installed().entry("optimizer", "newton").load()
    assert ("refused with", "`loss.momentum`") not in facts(cls)
    assert any(label == "refused with" for label, _ in facts(cls))


def test_tasks_in_their_order_and_defaults():
    focal = installed().entry("loss", "focal").load()
    assert for_tasks(focal) == ["binary", "multiclass", "multilabel"]
    assert usual_for(focal) == []
    assert usual_for(installed().entry("loss", "cross_entropy").load()) == ["binary", "multiclass", "sequence"]


def test_tasks_in_words():
    assert in_words([]) == in_words(TASKS) == "all"
    assert in_words(TASKS[:-1]) == f"all but {TASKS[-1]}"
    assert in_words(["binary", "multiclass"]) == "binary, multiclass"
