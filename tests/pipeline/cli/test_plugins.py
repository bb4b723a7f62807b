import json

import pytest

from recipeline.catalog import FAMILIES, Broken, Entry, installed
from recipeline.cli import plugins
from recipeline.cli.main import main
from recipeline.families.plugin import PluginReference


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
    assert set(huber) == {"family", "name", "distribution", "version", "summary", "settings"}
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


def test_every_setting_of_every_installed_plugin_is_explained():
    for entry in installed():
        for name, kind, _, _, meaning in plugins.setting_rows(entry):
            assert kind, (entry.name, name)
            assert meaning, (entry.family, entry.name, name)
