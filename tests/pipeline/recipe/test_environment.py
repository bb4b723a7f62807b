import pytest

from recipeline.recipe.load import parse

SECRET = "hunter2-s3cret"


@pytest.fixture
def secretive(good):
    return good.replace("path: census.csv", 'path: "s3://${env:BUCKET}/x.csv"').replace(
        "uri: sqlite:///mlflow.db", "uri: http://me:${env:PASSWORD}@host"
    )


VARIABLES = {"BUCKET": SECRET, "PASSWORD": SECRET + "!"}


def test_the_plugin_gets_the_value(secretive):
    recipe = parse(secretive, "r.yaml", variables=VARIABLES).recipe
    assert recipe.data.source.path == f"s3://{SECRET}/x.csv"
    assert recipe.tracking.uri == f"http://me:{SECRET}!@host"


def test_nobody_else_does(secretive):
    loaded = parse(secretive, "r.yaml", variables=VARIABLES)
    recipe = loaded.recipe
    shown = [repr(recipe), str(recipe), str(recipe.as_recipe()), str(recipe.model_dump()), recipe.model_dump_json()]
    shown += [repr(recipe.data.source), str(recipe.data.source.as_recipe()), repr(recipe.tracking), loaded.text]
    shown += [str(recipe.model_copy(update={"seed": 3}).as_recipe()), repr(recipe.data.model_copy())]
    for text in shown:
        assert SECRET not in text
    assert recipe.as_recipe()["data"]["source"]["path"] == "s3://${env:BUCKET}/x.csv"
    assert recipe.as_recipe()["tracking"]["uri"] == "http://me:${env:PASSWORD}@host"


def test_a_text_can_be_freed_of_values(secretive):
    recipe = parse(secretive, "r.yaml", variables=VARIABLES).recipe
    assert recipe.redact(f"no route to http://me:{SECRET}!@host") == "no route to http://me:${env:PASSWORD}@host"
    assert recipe.redact(f"no s3://{SECRET}/x.csv") == "no s3://${env:BUCKET}/x.csv"


def test_no_error_shows_a_value(secretive, problems_of):
    wrong = secretive.replace('separator: ","', 'separator: "${env:BUCKET}"').replace("epochs: 20", "epochs: 0")
    wrong = wrong.replace("system_metrics: false", 'system_metrics: "${env:PASSWORD}"')
    problems = problems_of(wrong, variables=VARIABLES)
    assert len(problems) >= 2
    assert SECRET not in "\n".join(map(str, problems)) + repr(problems)


def test_an_empty_value_is_a_value(secretive, problems_of):
    assert problems_of(secretive, variables={"BUCKET": "", "PASSWORD": ""}) == []


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("path: census.csv", "path: ${env:BUCKET2}",
         "data.source.path: the environment variable BUCKET2 is not set. Did you mean 'BUCKET'?"),
        ("path: census.csv", "path: ${env:NOWHERE_TO_BE}",
         "NOWHERE_TO_BE is not set. Set it: export NOWHERE_TO_BE=..."),
        ("path: census.csv", "path: ${HOME}", "'${' begins what is not ${env:NAME}"),
        ("path: census.csv", "path: ${env:A B}", "'${' begins what is not ${env:NAME}"),
        ("path: census.csv", 'path: "${env:BUCKET"', "'${' begins what is not ${env:NAME}"),
        ("path: census.csv", "path: ${oc.env:BUCKET}", "Only ${env:NAME} is replaced in a recipe."),
        ("type: csv", "type: ${env:BUCKET}", "${env:BUCKET} can't stand here"),
        ("name: census\n", "name: ${env:BUCKET}\n", "name: ${env:BUCKET} can't stand here"),
        ("Two hidden layers.", "${env:BUCKET}", "description: ${env:BUCKET} can't stand here"),
        ("loss: cross_entropy", "loss: ${env:BUCKET}", "Only settings of data.source and tracking may take it."),
        ("income", "${data.name}", "data.target: '${' begins what is not"),
        ("team: red", '"${env:BUCKET}": red', "a key can't come from the environment"),
    ],
)  # fmt: skip
def test_where_and_how_it_may_not_stand(good, problems_of, old, new, says):
    problems = problems_of(good.replace(old, new), variables=VARIABLES)
    assert any(says in str(problem) for problem in problems), problems
    assert all(problem.line for problem in problems)


def test_a_description_may_speak_of_money(good, problems_of):
    assert problems_of(good.replace("Two hidden layers.", "costs ${5}")) == []


def test_an_override_may_ask_for_it(good):
    recipe = parse(good, "r.yaml", ["tracking.uri=${env:PASSWORD}"], variables=VARIABLES).recipe
    assert recipe.tracking.uri == SECRET + "!"
    assert SECRET not in repr(recipe)
