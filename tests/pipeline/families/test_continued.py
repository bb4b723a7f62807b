"""Which earlier model is meant: said once, in the settings."""

import pytest

from recipeline.errors import UsageError
from recipeline_plugins.architecture.pretrained import Pretrained


def architecture(settings: str) -> str:
    data = "data: {source: {type: csv, path: a.csv}, target: y}"
    return f"name: x\n{data}\narchitecture: {{type: pretrained{settings}}}\n"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("", "one of run, model and folder says which model to start from (none here)"),
        (", run: a, folder: b", "one of run, model and folder says which model to start from (run and folder here)"),
        (", run: last", "the last run is this one when it starts: name an id or a name (run: last)"),
    ],
)
def test_one_place_says_where_the_model_is(problems_of, settings, words):
    assert words in str(problems_of(architecture(settings))[0])


def test_a_digest_is_checked_for_its_form(problems_of):
    assert problems_of(architecture(", run: a, sha256: abc"))[0].path == "architecture.sha256"
    assert problems_of(architecture(f", run: a, sha256: {'a' * 64}")) == []


def test_without_its_model_it_has_no_inputs_to_name():
    with pytest.raises(UsageError, match="'pretrained' has not been given its earlier model yet"):
        _ = Pretrained(folder="there").accepts
