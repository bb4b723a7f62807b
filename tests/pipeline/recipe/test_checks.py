from typing import ClassVar, Literal

import pytest

from recipeline import Architecture, RecipeError, Regularization, Source, Split, TargetTransform
from recipeline.catalog import installed
from recipeline.recipe.checks import check_task
from recipeline.recipe.load import parse

# (what is replaced in the good recipe, by what, path, what is said)
CONTRADICTIONS = [
    ("register_as: census", "register_as: team/census", "tracking.register_as",
     "the name of a registered model is a text without '/' and ':' (found 'team/census')."),
    ("loss: cross_entropy", "loss: mse", "loss",
     "the loss 'mse' is made for"),
    ("loss: cross_entropy", "loss: mse", "loss", "For binary there"),
    ("[accuracy, f1]", "[accuracy, rmse]", "metrics[1]", "the metric 'rmse' is made for"),
    ("[curves, confusion_matrix]", "[curves, residuals]", "reports[1]", "the report 'residuals' is made for"),
    ("monitor: val/loss\n    p", "monitor: test/f1\n    p", "regularization[1].monitor",
     "'early_stopping' watches 'test/f1': what the test part says must not steer the training. Watch 'val/f1'."),
    ("monitor: val/loss\n    p", "monitor: val/f2\n    p", "regularization[1].monitor",
     "'early_stopping' watches 'val/f2', which this recipe doesn't measure. Did you mean 'val/f1'?"),
    ("monitor: val/loss\n    p", "monitor: val/roc_auc\n    p", "regularization[1].monitor",
     "Add 'roc_auc' to metrics."),
    ("monitor: val/loss\n    p", "monitor: something\n    p", "regularization[1].monitor",
     "It measures: train/loss, val/loss, lr, val/accuracy, val/f1."),
    ("  monitor: val/loss\n  mode", "  monitor: val/los\n  mode", "training.monitor",
     "training.monitor watches 'val/los', which this recipe doesn't measure. Did you mean 'val/loss'?"),
    ("  type: exponential\n  gamma: 0.95", "  type: plateau\n  monitor: val/x",
     "scheduler.monitor",
     "'plateau' watches 'val/x'"),
    ("    validation: 0.15\n    test: 0.15", "    validation: 0\n    test: 0.3", "regularization[1]",
     "'early_stopping' needs a validation part; the split 'random' makes none"),
    ("    validation: 0.15\n    test: 0.15", "    validation: 0\n    test: 0.3", "training.monitor",
     "training.monitor watches 'val/loss', and the split 'random' makes no validation part"),
    ("[accuracy, f1]", "[accuracy, f1, accuracy]", "metrics[2]", "'accuracy' stands twice, first as metrics[0]"),
    ("[curves, confusion_matrix]", "[curves, curves]", "reports[1]", "'curves' stands twice, first as reports[0]"),
    ("  - type: early_stopping", "  - {type: l2, weight: 0.0001}\n  - type: early_stopping", "regularization[1]",
     "'l2' stands twice with the same settings, first as regularization[0]. Remove one of them."),
    ("    id: ignore", "    income: ignore", "data.columns.income",
     "the column 'income' is the target, so it can't be ignored"),
    ("target: income", "target: [income, income]", "data.target[1]", "the column 'income' stands twice in the target"),
    ("  - drop_duplicates\n", "  - normalize_target\n", "preprocessing[0]",
     "'normalize_target' works on a target of numbers, and the task is binary"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "path", "says"), CONTRADICTIONS, ids=[f"{c[2]}: {c[3][:40]}" for c in CONTRADICTIONS]
)
def test_parts_that_do_not_go_together(good, problems_of, old, new, path, says):
    assert good.count(old) == 1
    problems = {problem.path: problem for problem in problems_of(good.replace(old, new))}
    assert says in str(problems[path])
    assert problems[path].line


def test_a_setting_of_the_training_that_a_plugin_cannot_live_with(good, problems_of):
    [problem] = problems_of(good, "training.batch_size=1", "regularization=[batch_norm]")
    assert str(problem).endswith(
        "training.batch_size: 'batch_norm' can't be used with training.batch_size: 1: one row has no spread to divide "
        "by. Take another batch_size, or remove 'batch_norm'."
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("monitor: val/loss\n    p", "monitor: val/f1\n    p"),
        ("monitor: val/loss\n    p", "monitor: train/loss\n    p"),
        ("  task: binary\n", "  task: auto\n"),
        ("metrics: [accuracy, f1]\n", ""),
        ("loss: cross_entropy\n", ""),
        ("  - type: early_stopping", "  - {type: l2, weight: 0.1}\n  - type: early_stopping"),
    ],
)
def test_parts_that_do(good, problems_of, old, new):
    assert good.count(old) == 1
    assert problems_of(good.replace(old, new)) == []


def test_metrics_left_to_their_default_are_measured(good, problems_of):
    text = good.replace("metrics: [accuracy, f1]\n", "")
    for name in ("accuracy", "f1", "roc_auc"):
        assert problems_of(text.replace("monitor: val/loss\n    p", f"monitor: val/{name}\n    p")) == []
    assert problems_of(text.replace("monitor: val/loss\n    p", "monitor: val/rmse\n    p"))


def test_an_open_task_is_checked_when_the_data_has_shown_it(good):
    recipe = parse(good.replace("task: binary", "task: auto"), "r.yaml").recipe
    check_task(recipe, installed(), "binary")
    with pytest.raises(RecipeError, match=r"the loss 'cross_entropy' is made for .*, and the task is regression"):
        check_task(recipe, installed(), "regression")


class Fine(Architecture, name="fine"):
    """A network."""

    def build(self, inputs, outputs):
        raise NotImplementedError


class Rows(Source, name="rows"):
    """Rows."""

    def scan(self):
        raise NotImplementedError

    def fingerprint(self):
        return ""


class Whole(Split, name="whole"):
    """Everything trains."""

    def has(self, part):
        return part == "train"

    def assign(self, rows, target, seed):
        raise NotImplementedError


class Cat(Regularization, name="cat"):
    """Needs milk, and can't live with dogs."""

    requires: ClassVar = {"regularization.milk", "scheduler"}
    conflicts: ClassVar = {"regularization.dog"}


class Dog(Regularization, name="dog"):
    """A dog."""


class Milk(Regularization, name="milk"):
    """Milk."""


class Heavy(Regularization, name="heavy"):
    """Needs a validation part."""

    requires: ClassVar = {"validation"}


class Half(TargetTransform, name="half"):
    """Half of the target."""

    strength: Literal[1, 2] = 1

    def fit(self, frame):
        return {}

    def transform(self, frame, state):
        return frame

    def inverse(self, values, state):
        return values


BASE = "name: x\ndata: {source: rows, target: y, split: whole}\narchitecture: fine\n"


def test_what_plugins_declare_is_checked(problems_of, catalog_of):
    catalog = catalog_of(Fine, Rows, Whole, Cat, Dog, Milk, Heavy, Half)
    said = [str(problem) for problem in problems_of(BASE + "regularization: [cat, dog, heavy]\n", catalog=catalog)]
    assert said == [
        "r.yaml:4:18  regularization[0]: 'cat' needs the regularization 'milk', which the recipe doesn't have.",
        "r.yaml:4:18  regularization[0]: 'cat' needs a scheduler, and the recipe names none.",
        "r.yaml:4:18  regularization[0]: 'cat' can't be used together with the regularization 'dog'. "
        "Remove one of them.",
        "r.yaml:4:28  regularization[2]: 'heavy' needs a validation part; the split 'whole' makes none. "
        "Give the validation part a share, or remove 'heavy'.",
    ]


def test_the_target_is_transformed_once(problems_of, catalog_of):
    catalog = catalog_of(Fine, Rows, Whole, Half)
    [problem] = problems_of(BASE + "preprocessing: [half, {type: half, strength: 2}]\n", catalog=catalog)
    assert str(problem).startswith(
        "r.yaml:4:23  preprocessing[1]: 'half' is the second step on the target, after preproc"
    )


@pytest.mark.parametrize(
    ("settings", "path", "says"),
    [
        ("optimizer: gradient_descent", "optimizer",
         "'gradient_descent' needs training.batch_size: full, and it is 32: its steps follow the gradient of all train "
         "rows; with fewer it would be 'sgd'. Write training: {batch_size: full}, or choose another optimizer."),
        ("optimizer: {type: subgradient, lr: 1.0}\ntraining: {batch_size: 64}", "optimizer",
         "'subgradient' needs training.batch_size: full, and it is 64: it keeps the point with the least loss"),
        ("optimizer: lbfgs\ntraining: {accumulate: 4}", "training.accumulate",
         "'lbfgs' evaluates the loss itself to find a step, which can't be done for gradients of several batches."),
        ("optimizer: lbfgs\ntraining: {batch_size: full, on_nonfinite: skip}", "training.on_nonfinite",
         "'lbfgs' evaluates the loss itself to find a step, so that no step can be left out afterwards (found skip)."),
        ("optimizer: newton\ntraining: {precision: 16-mixed}", "training.precision",
         "'newton' evaluates the loss itself to find a step, which the scaled gradients of 16-mixed don't allow"),
        ("optimizer: newton\nregularization: [gradient_clip]", "optimizer",
         "'newton' can't be used together with the regularization 'gradient_clip': it differentiates the loss itself"),
        ("optimizer: proximal_gradient\nregularization: [l2]", "optimizer",
         "'proximal_gradient' takes over a penalty such as l1's, and the recipe has none that it could. Add one"),
    ],
)  # fmt: skip
def test_an_optimizers_needs(settings, path, says):
    text = "name: n\ndata: {source: {type: sample, dataset: iris}, target: species}\narchitecture: linear\n" + settings
    with pytest.raises(RecipeError) as error:
        parse(text, "r.yaml")
    (problem,) = error.value.problems
    assert problem.path == path
    assert says in str(problem)
    assert (problem.line, problem.column) != (None, None)
    assert text.splitlines()[problem.line - 1].startswith(path.partition(".")[0])


@pytest.mark.parametrize(
    "settings",
    [
        "optimizer: gradient_descent\ntraining: {batch_size: full}",
        "optimizer: proximal_gradient\nregularization: [l2, elastic_net]",
        "optimizer: lbfgs\ntraining: {precision: bf16-mixed}",
        "optimizer: newton\nregularization: [l2]",
    ],
)
def test_an_optimizers_needs_are_met(settings):
    text = "name: n\ndata: {source: {type: sample, dataset: iris}, target: species}\narchitecture: linear\n" + settings
    assert parse(text, "r.yaml").recipe.optimizer is not None


SEQUENCE = """\
name: sounds
data: {source: {type: csv, path: sounds.csv}, target: sound, task: sequence}
preprocessing: [{type: tokenize, method: characters}, tokenize_target]
architecture: transformer
loss: cross_entropy
"""


@pytest.mark.parametrize(
    ("old", "new", "path", "says"),
    [
        (", tokenize_target]", "]", "preprocessing",
         "the task sequence needs a step that makes tokens of the target. Add tokenize_target."),
        ("tokenize_target]", "tokenize_target, {type: tokenize_target, length: 9}]", "preprocessing[2]",
         "'tokenize_target' is the second step on the target, after preprocessing[1]"),
        ("tokenize_target]", "normalize_target]", "preprocessing[1]", "works on a target of numbers"),
        ("transformer", "gru", "architecture",
         "the architecture 'gru' is made for binary, forecasting, multiclass, multilabel or regression, and the task "
         "is sequence. For sequence there is: transformer."),
        ("architecture: transformer", "architecture: {type: transformer, form: encoder}", "architecture",
         "form: encoder gives one answer a row, and the task is sequence"),
        ("cross_entropy", "focal", "loss", "For sequence there are: cross_entropy, momentum."),
        ("cross_entropy", "{type: momentum, of: focal}", "loss.of", "the loss 'focal' is made for"),
        ("cross_entropy", "{type: cross_entropy, class_weights: balanced}", "loss",
         "class_weights are for classes, and the task is sequence"),
        ("loss: cross_entropy", "metrics: [accuracy]", "metrics[0]",
         "For sequence there are: error_rate, exact_match."),
        ("loss: cross_entropy", "reports: [roc]", "reports[0]", "the report 'roc' is made for"),
        ("loss: cross_entropy", "regularization: [mixup]", "regularization[0]",
         "'mixup' mixes targets, and there is nothing between two sequences of tokens. Remove 'mixup'."),
        ("loss: cross_entropy", "regularization: [label_smoothing]", "regularization[0]",
         "'label_smoothing' is made for"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_sequence(problems_of, old, new, path, says):
    assert not problems_of(SEQUENCE)
    assert SEQUENCE.count(old) == 1
    problems = {problem.path: problem for problem in problems_of(SEQUENCE.replace(old, new))}
    assert says in str(problems[path])
    assert problems[path].line


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("[accuracy, f1]", "[accuracy, error_rate]", "the metric 'error_rate' is made for sequence, and the task"),
        ("  - drop_duplicates\n", "  - tokenize_target\n", "'tokenize_target' is made for sequence, and the task"),
        ("  type: mlp\n  hidden: [256, 128]\n  activation: relu\n  normalization: batch\n  dropout: 0.5",
         "  type: transformer\n  form: decoder", "form: decoder answers with a sequence, and the task is binary"),
    ],
)  # fmt: skip
def test_what_is_a_sequences_alone(good, problems_of, old, new, says):
    assert good.count(old) == 1
    assert any(says in str(problem) for problem in problems_of(good.replace(old, new)))


FORECAST = """
name: airline
data:
  source: {type: windows, of: {type: csv, path: a.csv}, time: month, value: passengers, length: 6, stride: 2}
  target: t+1
  task: forecasting
  columns: {month: ignore}
  split: {type: time, column: month}
architecture: gru
"""


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ("regularization: [{type: early_stopping, monitor: val/mase}]", "regularization[0].monitor"),
        ("training: {monitor: val/mase}", "training.monitor"),
        ("metrics: [rmse, mae]\nscheduler: {type: plateau, monitor: val/mase}", "scheduler.monitor"),
    ],
)
def test_a_metric_that_has_no_value_on_the_sources_rows_is_not_watched(problems_of, more, path):
    (problem,) = problems_of(f"{FORECAST}{more}")
    assert problem.path == path
    assert "watches 'val/mase', which can't be measured on the rows of the source 'windows' as it is set: its rows" in (
        str(problem)
    )
    assert "Watch 'val/loss'" in str(problem)
    assert "'val/rmse'" in str(problem)
    assert "'lr'" not in str(problem)
    assert not problems_of(f"{FORECAST}{more}".replace("stride: 2", "stride: 1").replace("[rmse, mae]", "[mase]"))


@pytest.mark.parametrize(
    ("architecture", "regularization", "why"),
    [
        ("linear", "dropout", "it has no hidden units"),
        ("linear", "stochastic_depth", "it has no residual branches"),
        ("gru", "stochastic_depth", "it has no residual branches"),
    ],
)
def test_what_finds_nothing_to_act_on_is_known_before_the_network_is_built(
    problems_of, architecture, regularization, why
):
    text = f"""
name: a
data: {{source: {{type: csv, path: a.csv}}, target: b}}
architecture: {architecture}
regularization: [{regularization}]
"""
    (problem,) = problems_of(text)
    said = f"'{regularization}' can't be used together with the architecture '{architecture}': {why}. Remove one of"
    assert said in str(problem)
    assert not problems_of(text.replace(f"architecture: {architecture}", "architecture: tabular_resnet"))
