import pytest

from recipeline.recipe.load import parse


def changed(text, *overrides):
    return parse(text, "r.yaml", overrides).recipe


def test_settings_of_every_kind(good):
    recipe = changed(
        good, "optimizer.lr=1e-2", "preprocessing.1.strategy=mean", "training.batch_size=full", "name=no",
        "architecture.hidden=[8, 4]", "data.columns.age=numeric", "tracking.tags={a: b}", "seed=010",
    )  # fmt: skip
    assert recipe.optimizer.lr == 0.01
    assert recipe.preprocessing[1].strategy == "mean"
    assert recipe.training.batch_size == "full"
    assert recipe.name == "no"
    assert recipe.architecture.hidden == [8, 4]
    assert recipe.data.columns["age"] == "numeric"
    assert recipe.tracking.tags == {"a": "b"}
    assert recipe.seed == 10


def test_a_plugin_is_replaced_with_its_settings_or_without(good):
    assert changed(good, "optimizer=sgd").optimizer.as_recipe()["type"] == "sgd"
    assert changed(good, "optimizer={type: sgd, momentum: 0.9}").optimizer.momentum == 0.9


def test_a_bare_name_grows_into_a_mapping(good):
    recipe = changed(good, "loss.label_smoothing=0.1")
    assert recipe.loss.plugin_name == "cross_entropy"
    assert recipe.loss.label_smoothing == 0.1
    assert changed(good, "metrics.1.average=macro").metrics[1].average == "macro"


def test_a_setting_of_what_is_left_to_its_default(good):
    text = good.replace("optimizer:\n  type: adam\n  lr: 0.001\n", "")
    assert changed(text, "optimizer.lr=0.5").optimizer.as_recipe()["type"] == "adam"
    assert changed(text, "optimizer.lr=0.5").optimizer.lr == 0.5


def test_entries_of_a_list_by_number_by_name_by_brackets_and_at_the_end(good):
    assert changed(good, "regularization.l2.weight=1").regularization[0].weight == 1
    assert changed(good, "regularization[0].weight=1").regularization[0].weight == 1
    assert changed(good, "metrics.2=roc_auc").metrics[2].plugin_name == "roc_auc"


def test_taking_away(good):
    recipe = changed(good, "~scheduler", "~regularization.early_stopping", "~preprocessing.0", "~training.epochs")
    assert recipe.scheduler is None
    assert [r.plugin_name for r in recipe.regularization] == ["l2"]
    assert len(recipe.preprocessing) == 3
    assert recipe.training.epochs == 20


def test_a_column_with_a_dot_in_its_name(good):
    assert changed(good, "data.columns.'a.b'=ignore").data.columns["a.b"] == "ignore"


def test_the_last_one_counts(good):
    assert changed(good, "seed=1", "seed=2").seed == 2


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("optimizer.lr=abc", "override 'optimizer.lr=abc'  optimizer.lr: expected a number above 0 (found 'abc')."),
        ("optimzer.lr=1",
         "override 'optimzer.lr=1'  optimzer: a recipe has no setting 'optimzer'. Did you mean 'optimizer'?"),
        ("optimizer.lt=1", "override 'optimizer.lt=1'  optimizer.lt: 'adam' has no setting 'lt'. Did you mean 'lr'?"),
        ("optimizer=adan", "override 'optimizer=adan'  optimizer: no optimizer is named 'adan'"),
        ("preprocessing.9.strategy=mean", "preprocessing: there is no entry 9: the list has 4 entries, 0 to 3."),
        ("preprocessing.inpute.strategy=mean", "no entry of the list is named 'inpute'. Did you mean 'impute'?"),
        ("~sheduler", "the recipe does not set sheduler, so it can't be taken away. Did you mean 'scheduler'?"),
        ("~training.epoch.x",
         "the recipe does not set training.epoch, so it can't be taken away. Did you mean 'epochs'?"),
        ("~regularization.7", "there is no entry 7: the list has 2 entries"),
        ("nothing", "override 'nothing': an override is KEY=VALUE or ~KEY. For instance: optimizer.lr=0.01"),
        ("=1", "the key can't be read (found '')"),
        ("a..b=1", "the key can't be read (found 'a..b'). Write it dotted"),
        (".a=1", "the key can't be read"),
        ("a.=1", "the key can't be read"),
        ("~", "the key can't be read"),
        (".".join("a" * 100) + "=1", "the key can't be read"),
        ("optimizer.lr=[1", "override 'optimizer.lr=[1': a '[' that is not closed."),
        ("optimizer={type: sgd, type: adam}", "the key 'type' stands twice"),
        ("optimizer=[&a x]", "an anchor, '&a'"),
        ("optimizer.lr.x=1", "optimizer.lr is no mapping (found 0.001)"),
        ("name.x=1", "name is no mapping (found 'census')"),
        ("seed=" + "9" * 5000, "a number of 5000 characters"),
        ("seed=${env:HOME}", "${env:HOME} can't stand here"),
        ("data.source.path=", "data.source.path: expected text"),
    ],
)  # fmt: skip
def test_an_error_names_the_override(good, problems_of, override, says):
    problems = problems_of(good, override)
    assert any(says in str(problem) for problem in problems), problems
    assert all(problem.file.startswith("override ") and problem.line is None for problem in problems)


def test_what_an_override_leaves_missing_is_placed_in_the_file_and_file_comes_first(good, problems_of):
    problems = problems_of(good.replace("seed: 7", "seed: -7"), "optimizer.lr=0")
    assert [problem.file for problem in problems] == ["r.yaml", "override 'optimizer.lr=0'"]
