import json

import pytest

from recipeline import Loss
from recipeline.catalog import FAMILIES, Broken, Entry, installed
from recipeline.cli.main import main
from recipeline.cli.plugin_settings import setting_rows
from recipeline.cli.plugins import _written_summary
from recipeline.families.plugin import PluginReference


class Tolerant(Loss, name="tolerant"):
    """Errors within the accuracy of the measurement cost nothing."""

    def build(self, target):
        return lambda prediction, truth: (prediction - truth).abs().mean()


class Plain(Loss, name="plain"):
    """What it says."""

    def build(self, target):
        return lambda prediction, truth: (prediction - truth).square().mean()


def test_all_are_listed_with_their_distribution(capsys):
    assert main(["plugins"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["family", "name", "from", "what", "it", "does"]
    for entry in installed():
        assert any(line.split()[:3] == [entry.family, entry.name, entry.distribution] for line in lines)


def test_a_family(capsys):
    assert main(["plugins", "optimizer"]) == 0
    out = capsys.readouterr().out
    assert "adam" in out
    assert "cross_entropy" not in out


@pytest.mark.parametrize("arguments", [["optimizer", "adam"], ["adam"]])
def test_one_with_its_settings(capsys, arguments):
    assert main(["plugins", *arguments]) == 0
    out = capsys.readouterr().out
    assert out.startswith("optimizer adam   from recipeline ")
    row = next(line for line in out.splitlines() if line.startswith("lr "))
    assert row.split()[:5] == ["lr", "number", "0.001", ">", "0"]
    assert "Learning rate: the size of a step." in row


def test_required_settings_and_choices(capsys):
    assert main(["plugins", "source", "csv"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("path "))
    assert "required" in row


def test_for_machines(capsys):
    assert main(["plugins", "loss", "--json"]) == 0
    documents = json.loads(capsys.readouterr().out)
    huber = next(document for document in documents if document["name"] == "huber")
    assert set(huber) == {"family", "name", "distribution", "version", "summary", "settings", "example"}
    assert huber["example"] == "loss: {type: huber, delta: 0.5}"
    assert huber["family"] == "loss"
    assert huber["summary"].endswith(".")
    assert huber["settings"]["properties"]["delta"]["description"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["optimiser"], "there is no family 'optimiser'. Did you mean 'optimizer'?"),
        (["xyzzy"], f"there is no family 'xyzzy'. There are: {', '.join(FAMILIES)}."),
        (["optimizer", "adan"], "no optimizer is named 'adan'. Did you mean 'adam'"),
        (["huber", "x"], "there is no family 'huber'."),
        (["--from", "recipelin"], "--from: no plugins are from 'recipelin'. Did you mean 'recipeline'?"),
    ],
)
def test_what_is_not_there(capsys, arguments, says):
    assert main(["plugins", *arguments]) == 2
    assert says in capsys.readouterr().err


def test_broken_ones_are_named_and_harm_nothing(capsys, catalog_of, monkeypatch):
    catalog = catalog_of()
    reference = PluginReference("loss", "gone", "no_such_module:Gone")
    catalog.entries["loss", "gone"] = [Entry("loss", "gone", "half", "2.0", reference)]
    catalog.broken.append(Broken("wreck", "0.1", "losses", "ImportError: no"))
    monkeypatch.setattr("recipeline.catalog.installed", lambda: catalog)
    assert main(["plugins"]) == 0
    out, err = capsys.readouterr()
    assert "broken: the loss 'gone' of half 2.0 fails to import: ModuleNotFoundError" in out
    assert err == "wreck 0.1: its plugins 'losses' can't be had: ImportError: no\n"
    assert main(["plugins", "--json"]) == 0
    [document] = json.loads(capsys.readouterr().out)
    assert "fails to import" in document["error"]


def test_of_one_distribution(capsys, catalog_of, monkeypatch):
    catalog = catalog_of(("acme", "1.0", Tolerant), Plain)
    monkeypatch.setattr("recipeline.catalog.installed", lambda: catalog)
    assert main(["plugins", "--from", "Acme"]) == 0
    out = capsys.readouterr().out
    assert "tolerant" in out
    assert "plain" not in out


def test_one_says_what_it_goes_with_and_shows_an_example(capsys):
    assert main(["plugins", "optimizer", "newton"]) == 0
    out = capsys.readouterr().out
    assert "In a recipe:\n    architecture: linear\n    optimizer: newton\n" in out
    assert "refused with: `loss.momentum`: it evaluates one function several times" in out  # which only the loss says
    assert "goes badly with: `training.batch_size`: anything but full" in out


def test_at_a_terminal_lines_are_as_wide_as_it_and_say_nothing_twice(capsys, monkeypatch):
    monkeypatch.setattr("recipeline.cli.plugins.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["plugins", "loss", "focal"]) == 0
    lines = capsys.readouterr().out.splitlines()
    formula = next(line for line in lines if line.startswith("    loss = sum over rows"))
    assert len(formula) > 60  # formulas keep their form
    prose = [line for line in lines[1:] if not line.startswith("    ")]
    assert max(map(len, prose)) <= 60
    assert "gamma   number ≥ 0; default 2.0" in lines
    assert main(["plugins", "loss"]) == 0
    head, *_, last = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "what", "it", "does"]
    assert "from recipeline 0." in last


def test_every_setting_of_every_installed_plugin_is_explained():
    for entry in installed():
        for name, kind, _, _, meaning in setting_rows(entry.load()):
            assert kind, (entry.name, name)
            assert meaning, (entry.family, entry.name, name)


def test_the_summary_in_the_source_is_the_one_of_the_class():
    read = {entry: _written_summary(entry) for entry in installed() if entry.distribution == "recipeline"}
    assert {entry: found for entry, found in read.items() if found != entry.load().summary()} == {}
    assert len(read) > 100
