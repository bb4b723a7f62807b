"""Wrong recipes and what is said of them: where, what, what was found, what would be right."""

import random
import string
import subprocess
import sys
from typing import Any, Literal

import pytest
from pydantic import Field, field_validator, model_validator

from recipeline import Architecture, Loss, Metric, Optimizer, Source
from recipeline.catalog import FAMILIES, installed
from recipeline.cli.main import main
from recipeline.recipe.load import parse
from recipeline.recipe.model import DataSettings, Recipe, TrackingSettings, TrainingSettings
from recipeline.recipe.node import dotted

# (what is replaced in the good recipe, by what, where the problem stands, its path, what it says)
WRONG = [
    # unknown and misplaced settings
    ("name: census\n", "nmae: census\n", "nmae", "nmae", "a recipe has no setting 'nmae'. Did you mean 'name'?"),
    ("seed: 7", "sead: 7", "sead", "sead", "Did you mean 'seed'?"),
    ("seed: 7", "lr: 0.1", "lr:", "lr", "a recipe has no setting 'lr'. It belongs here: optimizer.lr."),
    ("seed: 7", "hidden: [3]", "hidden", "hidden", "It belongs here: architecture.hidden."),
    ("seed: 7", "dropout: 0.1", "dropout: 0.1", "dropout", "It belongs here: architecture.dropout."),
    ("seed: 7", "batch: 8", "batch: 8", "batch", "It belongs here: training.batch_size."),
    ("seed: 7", "learning_rate: 8", "learning_rate", "learning_rate", "It belongs here: optimizer.lr."),
    ("seed: 7", "max_epochs: 8", "max_epochs", "max_epochs", "It belongs here: training.epochs."),
    ("seed: 7", "target: x", "target: x", "target", "It belongs here: data.target."),
    ("seed: 7", "random_state: 1", "random_state", "random_state", "Did you mean 'seed'?"),
    ("seed: 7", "sgd: {}", "sgd", "sgd", "'sgd' is an optimizer: write optimizer: sgd"),
    ("seed: 7", "dropout_all: 1", "dropout_all", "dropout_all", "There are: recipe, name, description"),
    ("  epochs: 20", "  dropout: 0.5", "dropout: 0.5\n  batch", "training.dropout",
     "It belongs here: architecture.dropout."),
    ("  epochs: 20", "  epocs: 20", "epocs", "training.epocs",
     "'training' has no setting 'epocs'. Did you mean 'epochs'?"),
    ("    weight: 1e-4", "    wieght: 1e-4", "wieght", "regularization[0].wieght",
     "'l2' has no setting 'wieght'. Did you mean 'weight'?"),
    ("  lr: 0.001", "  params: {lr: 1}", "params", "optimizer.params",
     "Settings stand beside `type`, not one level down."),
    ("    separator:", "    delimiter:", "delimiter", "data.source.delimiter", "Did you mean 'separator'?"),
    ("  - drop_duplicates\n", "  - {type: drop_duplicates, colums: all}\n", "colums", "preprocessing[0].colums",
     "Did you mean 'columns'?"),
    # missing settings
    ("name: census\n", "", "recipe: 1", "name", "a recipe needs the setting 'name'. It says: what this trains"),
    ("    path: census.csv\n", "", "source:", "data.source.path", "'csv' needs the setting 'path'"),
    ("  target: income\n", "", "data:", "data.target", "'data' needs the setting 'target'"),
    ("  type: adam\n", "", "lr: 0.001", "optimizer", "the mapping needs a `type`, the name of an optimizer"),
    ("  type: adam\n", "  typ: adam\n", "typ: adam", "optimizer", "Did you mean 'type' by 'typ'?"),
    ("  type: adam\n  lr: 0.001", "  adam: {lr: 1}", "adam: {", "optimizer",
     "Write type: adam with its settings beside it."),
    ("  type: adam\n", "  type: 5\n", "5\n", "optimizer.type", "(found 5). The name of an optimizer is text."),
    # names of plugins
    ("type: adam\n", "type: adan\n", "adan", "optimizer.type",
     "no optimizer is named 'adan'. Did you mean 'adam"),
    ("loss: cross_entropy", "loss: crossentropy", "crossentropy", "loss", "Did you mean 'cross_entropy'?"),
    ("loss: cross_entropy", "loss: adam", "adam\n", "loss", "no loss is named 'adam'. 'adam' is an optimizer."),
    ("  - drop_duplicates\n", "  - drop_duplicate\n", "drop_duplicate\n", "preprocessing[0]",
     "Did you mean 'drop_duplicates'?"),
    ("[accuracy, f1]", "[accuracy, f2]", "f2]", "metrics[1]", "no metric is named 'f2'. Did you mean 'f1'"),
    ("type: csv", "type: os.system", "os.system", "data.source.type", "no source is named 'os.system'"),
    ("type: csv", "type: ../csv", "../csv", "data.source.type", "no source is named '../csv'"),
    # wrong kinds of value
    ("name: census\n", "name: 5\n", "5\n", "name",
     "expected text that is not empty of at most 200 characters (found 5). Write it in quotes: '5'."),
    ("name: census\n", "name: ''\n", "''", "name", "expected text that is not empty"),
    ("name: census\n", "name:\n", "\n", "name", "(found nothing)"),
    ("name: census\n", "name: [a]\n", "[a]", "name", "(found a list)"),
    ("recipe: 1", "recipe: 2", "2\n", "recipe", "expected 1 (found 2)"),
    ("seed: 7", "seed: -1", "-1", "seed", "expected a whole number from 0 to 4294967295 (found -1)"),
    ("seed: 7", "seed: 1e2", "1e2", "seed", "(found 1e2). Write 100."),
    ("seed: 7", "seed: 1:30", "1:30", "seed", "(found '1:30')"),
    ("seed: 7", "seed: true", "true", "seed", "(found true)"),
    ("seed: 7", "seed: .inf", ".inf", "seed", "(found .inf)"),
    ("target: income", "target:", "\n  task", "data.target",
     "expected text that is not empty or a list with at least 1 entry, each text (found nothing)"),
    ("target: income", "target: []", "[]", "data.target", "(found an empty list)"),
    ("target: income", "target: [a, 1]", "1]", "data.target[1]", "expected text (found 1). Write it in quotes: '1'."),
    ("task: binary", "task: regresion", "regresion", "data.task",
     "expected 'auto', 'regression', 'binary', 'multiclass', 'multilabel', 'forecasting' or "
     "'sequence' (found 'regresion'). Did you mean 'regression'?"),
    ("    zip: categorical", "    zip: categorial", "categorial", "data.columns.zip", "Did you mean 'categorical'?"),
    ("    train: 0.7", "    train: 70", "70", "data.split.train", "(found 70)"),
    ("    train: 0.7", "    train: '0.7'", "'0.7'", "data.split.train", "Write it without quotes: 0.7."),
    ("    stratify: true", "    stratify: yes", "yes", "data.split.stratify",
     "expected true, false or 'auto' (found 'yes'). Write true."),
    ("    strategy: median", "    strategy: medain", "medain", "preprocessing[1].strategy", "Did you mean 'median'?"),
    ("  hidden: [256, 128]", "  hidden: 256", "256\n", "architecture.hidden",
     "expected a list, each a whole number above 0 (found 256). Write [256]."),
    ("  hidden: [256, 128]", "  hidden: [256, -1]", "-1]", "architecture.hidden[1]",
     "expected a whole number above 0 (found -1)"),
    ("  hidden: [256, 128]", "  hidden: [256, {a: 1}]", "{a: 1}]", "architecture.hidden[1]", "(found a mapping)"),
    ("  dropout: 0.5", "  dropout: 1.5", "1.5", "architecture.dropout",
     "expected a number of at least 0 and below 1 (found 1.5)"),
    ("  dropout: 0.5", "  dropout: .nan", ".nan", "architecture.dropout", "(found .nan)"),
    ("  lr: 0.001", "  lr: 1e999", "1e999", "optimizer.lr", "expected a finite number above 0 (found 1e999)"),
    ("  lr: 0.001", "  lr: 0", "0\n", "optimizer.lr", "expected a number above 0 (found 0)"),
    ("  lr: 0.001", "  lr: '1e-3'", "'1e-3'", "optimizer.lr", "Write it without quotes: 1e-3."),
    ("  lr: 0.001", "  lr: 0,001", "0,001", "optimizer.lr", "(found '0,001'). Write 0.001."),
    ("  lr: 0.001", "  lr: 1_000", "1_000", "optimizer.lr", "Write 1000."),
    ("  lr: 0.001", "  lr: 2001-01-01", "2001-01-01", "optimizer.lr", "(found '2001-01-01')"),
    ("    patience: 5", "    patience: 5.0", "5.0", "regularization[1].patience",
     "expected a whole number of at least 1 (found 5.0). Write 5."),
    ("metrics: [accuracy, f1]", "metrics: accuracy", "accuracy\n", "metrics",
     "expected a list, each the name of a metric, or a mapping with its `type`"),
    ("metrics: [accuracy, f1]", "metrics: {a: 1}", "{a: 1}", "metrics", "(found a mapping)"),
    ("metrics: [accuracy, f1]", "metrics: [accuracy, 3]", "3]", "metrics[1]",
     "expected the name of a metric, or a mapping with its `type` (found 3)"),
    ("loss: cross_entropy", "loss: [mse]", "[mse]", "loss",
     "expected the name of a loss, or a mapping with its `type` (found a list)"),
    ("  epochs: 20", "  epochs: 0", "0\n", "training.epochs", "expected a whole number of at least 1 (found 0)"),
    ("  batch_size: 32", "  batch_size: ful", "ful\n", "training.batch_size",
     "expected a whole number of at least 1, 'full' or 'auto' (found 'ful'). Did you mean 'full'?"),
    ("  batch_size: 32", "  batch_size: 0", "0\n", "training.batch_size",
     "expected a whole number of at least 1, 'full' or 'auto' (found 0)"),
    ("  precision: 32-true", "  precision: 16", "16\n", "training.precision", "Did you mean '16-mixed'?"),
    ("  devices: 1", "  devices: [a]", "a]", "training.devices[0]", "expected a whole number (found 'a')"),
    ("  deterministic: true", "  deterministic: on", "on\n", "training.deterministic", "Write true."),
    ("  tags: {team: red}", "  tags: {team: 1}", "1}", "tracking.tags.team",
     "expected text (found 1). Write it in quotes: '1'."),
    ("  tags: {team: red}", "  tags: []", "[]", "tracking.tags",
     "expected a mapping from names to text (found an empty list)"),
    ("reports: [curves, confusion_matrix]", "reports: 5", "5\n", "reports", "(found 5)"),
    ("  tags: {team: red}", "  tags: {team: \"${env:HOME}\", a: 1}", "1}", "tracking.tags.a",
     "expected text (found 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "at", "path", "says"), WRONG, ids=[f"{w[3]}: {w[1].strip()}" for w in WRONG])
def test_a_wrong_recipe(good, good_file, problems_of, capsys, old, new, at, path, says):
    assert good.count(old) == 1
    text = good.replace(old, new)
    problems = problems_of(text)
    assert len(problems) == 1, "\n".join(map(str, problems))
    problem = problems[0]
    assert problem.path == path
    assert says in str(problem)
    rest = "\n".join(text.split("\n")[problem.line - 1 :])[problem.column - 1 :]
    assert rest.startswith(at)
    good_file.write_text(text)
    assert main(["validate", str(good_file)]) == 2
    assert capsys.readouterr() == ("", f"{good_file}:{str(problem).partition(':')[2]}\n")


def test_a_process_of_its_own_refuses_each_where_it_is_wrong(good, problems_of, tmp_path):
    expected = []
    for number, (old, new, *_) in enumerate(WRONG):
        text = good.replace(old, new)
        (tmp_path / f"{number}.yaml").write_text(text)
        expected += [f"{number}.yaml:{problem.line}:{problem.column}  {problem.path}:" for problem in problems_of(text)]
    names = [f"{number}.yaml" for number in range(len(WRONG))]
    done = subprocess.run(
        [sys.executable, "-m", "recipeline", "validate", *names], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert len(said) == len(expected) >= 60
    assert [line for line, start in zip(said, expected, strict=True) if not line.startswith(start)] == []


@pytest.mark.parametrize("section", ["data", "training", "tracking"])
@pytest.mark.parametrize("value", ["5", "[a]", "text", "true"])
def test_a_section_that_is_no_mapping(problems_of, section, value):
    text = f"name: x\narchitecture: mlp\n{section}: {value}\n"
    text += "" if section == "data" else "data: {source: {type: csv, path: x}, target: y}\n"
    [problem] = problems_of(text)
    assert problem.path == section
    assert (problem.line, problem.column) == (3, len(section) + 3)
    assert problem.message == "expected a mapping"


def test_all_is_said_at_once_in_the_order_of_the_file(good, problems_of):
    text = good.replace("seed: 7", "sede: 7").replace("lr: 0.001", "lr: abc").replace("epochs: 20", "epochs: 0")
    assert [problem.path for problem in problems_of(text)] == ["sede", "optimizer.lr", "training.epochs"]


def test_ten_thousand_mistakes_are_not_all_told(good, problems_of):
    text = good.replace("hidden: [256, 128]", f"hidden: [{'x,' * 10_000}]")
    assert len(problems_of(text)) == 50


def test_what_is_found_is_shortened_and_made_printable(good, problems_of):
    [problem] = problems_of(good.replace("  lr: 0.001", f'  lr: "{"x" * 500}"'))
    assert len(problem.found) == 60
    [problem] = problems_of(good.replace("  lr: 0.001", r'  lr: "\e[31mred\n"'))
    assert problem.found == r"'\x1b[31mred\n'"
    [problem] = problems_of(good.replace("  lr: 0.001", "  lr: '{0.__class__} %s {x!r}'"))
    assert problem.found == "'{0.__class__} %s {x!r}'"


class Net(Architecture, name="net"):
    """A network that takes what the tests need."""

    width: int = Field(default=1, multiple_of=2)
    """How wide."""
    names: list[str] = Field(default=[], max_length=2)
    shape: tuple[int, ...] = ()
    word: str = Field(default="ab", pattern="^[a-z]+$", max_length=4)
    choice: Literal["on", "off"] | int | list[str] = 1
    nested: dict[str, dict[str, int]] = Field(default={})
    anything: Any = None

    @field_validator("width")
    @classmethod
    def _not_forty(cls, value: int) -> int:
        if value == 40:
            raise ValueError("40 is not allowed. Take 42.")
        if value == 44:
            raise KeyError("a fault of the plugin")
        return value

    @model_validator(mode="after")
    def _word_and_width(self) -> "Net":
        if self.word == "bad" and self.width == 2:
            raise ValueError("word: bad doesn't go with width: 2")
        return self

    def build(self, inputs, outputs):
        raise NotImplementedError


class Sea(Source, name="sea"):
    """Rows out of the sea."""

    path: str = "x"

    @field_validator("path")
    @classmethod
    def _no_shouting(cls, value: str) -> str:
        if value.isupper():
            raise ValueError(f"don't shout {value}")
        return value

    def scan(self):
        raise NotImplementedError

    def fingerprint(self):
        return ""


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("width: 3", "r.yaml:3:34  architecture.width: expected a whole number that is a multiple of 2 (found 3)"),
        ("width: 40", "r.yaml:3:34  architecture.width: 40 is not allowed. Take 42."),
        ("width: 44", "the architecture 'net' can't take its settings: KeyError: 'a fault of the plugin'"),
        ("word: bad, width: 2", "r.yaml:3:15  architecture: word: bad doesn't go with width: 2."),
        ("names: [a, b, c]", "architecture.names: expected a list with at most 2 entries, each text"),
        ("word: AB", "architecture.word: expected text of at most 4 characters like ^[a-z]+$ (found 'AB')"),
        ("word: abcde", "expected text of at most 4 characters like ^[a-z]+$ (found 'abcde')"),
        ("choice: of", "architecture.choice: expected 'on', 'off', a whole number or a list, each text (found 'of')."),
        ("choice: [a, 1]", "architecture.choice[1]: expected text (found 1)"),
        ("nested: {a: {b: c}}", "r.yaml:3:43  architecture.nested.a.b: expected a whole number (found 'c')"),
        ("nested: {a: 1}", "architecture.nested.a: expected a mapping from names to a whole number (found 1)"),
    ],
)
def test_the_words_for_every_kind_of_setting(problems_of, catalog_of, settings, says):
    text = f"name: x\ndata: {{source: sea, target: y}}\narchitecture: {{type: net, {settings}}}\n"
    problems = problems_of(text, catalog=catalog_of(Net, Sea))
    assert len(problems) == 1
    assert says in str(problems[0])


def test_a_secret_shows_in_no_error(problems_of, catalog_of):
    text = "name: x\ndata: {source: {type: sea, path: '${env:PW}'}, target: y}\narchitecture: {type: net, width: 40}\n"
    problems = problems_of(text, catalog=catalog_of(Net, Sea), variables={"PW": "HUSH"})
    assert "HUSH" not in "\n".join(map(str, problems))
    assert str(problems[0]) == "r.yaml:2:34  data.source.path: don't shout ${env:PW} (found '${env:PW}')."


def _slips(word):
    """Each single slip of a typist: letters swapped, one dropped, one doubled, the key beside."""
    rows = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for i, letter in enumerate(word):
        if i + 1 < len(word) and letter != word[i + 1]:
            yield word[:i] + word[i + 1] + letter + word[i + 2 :]
        yield word[:i] + word[i + 1 :]
        yield word[:i] + letter + word[i:]
        for row in rows:
            place = row.find(letter)
            for beside in (place - 1, place + 1):
                if place >= 0 and 0 <= beside < len(row):
                    yield word[:i] + row[beside] + word[i + 1 :]


_NO_LETTERS = string.digits + "._-"


def _sample(words, names, count, seed):
    """Misspelled words, none of them a name or a number of YAML by itself."""
    chance = random.Random(seed)
    for word in words:
        slips = [
            slip for slip in dict.fromkeys(_slips(word)) if slip not in names and slip.strip(string.digits + "._-")
        ]
        for slip in chance.sample(slips, min(count, len(slips))):
            yield word, slip


def test_nine_of_ten_misspelled_plugin_names_get_the_right_advice(good):
    catalog = installed()
    right = total = 0
    for family in FAMILIES:
        names = catalog.names(family)
        for name, slip in _sample(names, names, 20, family):
            advice = catalog._unknown(family, slip).suggestion or ""
            total += 1
            right += f"'{name}'" in advice.partition("?")[0] and "Did you mean" in advice
    assert total > 300
    assert right / total >= 0.9, f"{right} of {total}"


def _advised(key, problems):
    """Whether one of the problems leads back to the key."""
    return any(f"Did you mean '{key}'" in str(problem) or f"or '{key}'?" in str(problem) for problem in problems)


def test_nine_of_ten_misspelled_keys_get_the_right_advice(good, problems_of):
    loaded = parse(good, "r.yaml")
    misses = []
    total = 0
    for path, node in loaded.root.walk():
        if (
            not path
            or not isinstance(path[-1], str)
            or path[:2] == ("data", "columns")
            or path[:2] == ("tracking", "tags")
        ):
            continue
        parent = loaded.root.nearest(path[:-1])[0]
        for key, slip in _sample([path[-1]], list(parent.content), 2, dotted(path)):
            line = good.split("\n")[node.key.line - 1]
            before, after = line[: node.key.column - 1], line[node.key.column - 1 :]
            lines = good.split("\n")
            lines[node.key.line - 1] = before + after.replace(key, slip, 1)
            problems = problems_of("\n".join(lines))
            total += 1
            if not _advised(key, problems):
                misses.append((dotted(path), slip, [str(problem) for problem in problems]))
    assert total > 80
    assert len(misses) <= total / 10, misses


# Where a plugin of the family stands in a recipe.
PLACES = {
    "source": "data: {{source: {0}, target: y}}",
    "split": "data: {{source: {{type: csv, path: x}}, target: y, split: {0}}}",
    "preprocessing": "preprocessing: [{0}]",
    "regularization": "regularization: [{0}]",
    "metric": "metrics: [{0}]",
    "report": "reports: [{0}]",
}


def _with_setting(place, key):
    """A recipe that has this setting at the place: a section's name, or a family and a plugin's name."""
    lines = {"data": "data: {source: {type: csv, path: x}, target: y}", "name": "name: x", "arch": "architecture: mlp"}
    if place == ():
        return "\n".join([*lines.values(), f"{key}: 0"])
    if place == ("data",):
        return "\n".join([lines["name"], lines["arch"], lines["data"].replace("}, target", f"}}, {key}: 0, target")])
    if len(place) == 1:
        return "\n".join([*lines.values(), f"{place[0]}: {{{key}: 0}}"])
    family, name = place
    written = PLACES.get(family, family + ": {0}").format(f"{{type: {name}, {key}: 0}}")
    kept = [line for line in lines.values() if line.partition(":")[0] != written.partition(":")[0]]
    return "\n".join([*kept, written])


def test_nine_of_ten_of_all_keys_that_there_are_misspelled_get_the_right_advice(problems_of):
    catalog = installed()
    places = {(): Recipe, ("data",): DataSettings, ("training",): TrainingSettings, ("tracking",): TrackingSettings}
    places |= {(entry.family, entry.name): entry.load() for entry in catalog if entry.distribution == "recipeline"}
    misses = []
    total = 0
    for place, settings in places.items():
        for key, slip in _sample(settings.model_fields, settings.model_fields, 1, str(place)):
            problems = problems_of(_with_setting(place, slip))
            total += 1
            if not _advised(key, problems):
                misses.append((place, key, slip, [str(problem) for problem in problems]))
    assert total > 250
    assert len(misses) <= total / 10, misses


class Twice(Metric, name="twice"):
    """For completeness of the catalog."""

    def build(self, target):
        raise NotImplementedError


class Slow(Optimizer, name="slow"):
    """An optimizer."""

    def build(self, parameters):
        raise NotImplementedError


class Sad(Loss, name="sad"):
    """A loss."""

    def build(self, target):
        raise NotImplementedError


def test_a_plugin_of_strangers_gets_the_same_words(problems_of, catalog_of):
    catalog = catalog_of(Net, Sea, Twice, Slow, Sad)
    text = "name: x\ndata: {source: sea, target: y}\narchitecture: net\n"
    text += "loss: sda\noptimizer: {type: slow, l: 1}\nmetrics: [twic]\n"
    assert [str(problem) for problem in problems_of(text, catalog=catalog)] == [
        "r.yaml:4:7  loss: no loss is named 'sda'. Did you mean 'sad'? See: recipeline plugins loss",
        "r.yaml:5:25  optimizer.l: 'slow' has no setting 'l'. Did you mean 'lr'?",
        "r.yaml:6:11  metrics[0]: no metric is named 'twic'. Did you mean 'twice'? See: recipeline plugins metric",
    ]
