"""What the catalog says of strangers' distributions: it finds, names and goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from recipeline import Architecture, Loss, Preprocessing, RecipeError
from recipeline.catalog import Broken, Catalog, build
from recipeline.testing import check_plugin

CatalogOf = Callable[..., Catalog]


@pytest.fixture
def catalog_of(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CatalogOf]:
    """The catalog of the built-in plugins and of these distributions."""
    before = set(sys.modules)

    def make(*names: str) -> Catalog:
        for name in names:
            monkeypatch.syspath_prepend(shelf / name)
        return build(entry_points(group="recipeline"))

    yield make
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ("acme_plugins", "broken_plugin", "rival_plugins"):
            del sys.modules[name]


def test_a_class_and_references_are_found_and_owned(catalog_of):
    catalog = catalog_of("acme_plugins")
    for family, name in ((Loss, "lopsided"), (Preprocessing, "ratio"), (Architecture, "maxout")):
        assert catalog.find(family, name).plugin_name == name
        entry = catalog.entry(family.family, name)
        assert (entry.distribution, entry.version) == ("acme-plugins", "1.2.3")
        assert catalog.owner(catalog.find(family, name)) == entry
    assert not catalog.broken


def test_a_reference_is_imported_only_when_it_is_named(catalog_of):
    catalog = catalog_of("acme_plugins")
    assert "acme_plugins.lopsided" in sys.modules
    assert "acme_plugins.ratio" not in sys.modules
    catalog.find(Preprocessing, "ratio")
    assert "acme_plugins.ratio" in sys.modules


def test_a_broken_distribution_is_named_and_harms_nothing(catalog_of):
    alone, beside = catalog_of("acme_plugins"), catalog_of("acme_plugins", "broken_plugin")
    reason = "RuntimeError: the flux capacitor is missing"
    assert beside.broken == [Broken("broken-plugin", "0.0.1", "training", reason)]
    assert [(entry.family, entry.name) for entry in beside] == [(entry.family, entry.name) for entry in alone]


def test_an_unknown_name_points_at_the_broken_distribution(catalog_of):
    with pytest.raises(RecipeError, match=r"no loss is named 'flux'.*broken-plugin.*recipeline doctor"):
        catalog_of("broken_plugin").entry("loss", "flux")


@pytest.mark.parametrize(
    ("name", "owners"),
    [
        ("mse", {"recipeline": "recipeline_plugins.loss.mse:", "rival-plugins": "rival_plugins:RivalMse"}),
        (
            "lopsided",
            {"acme-plugins": "acme_plugins.lopsided:Lopsided", "rival-plugins": "rival_plugins:RivalLopsided"},
        ),
    ],
)
def test_a_clash_names_both_and_the_vendor_picks_one(catalog_of, name, owners):
    catalog = catalog_of("acme_plugins", "rival_plugins")
    with pytest.raises(RecipeError) as clash:
        catalog.find(Loss, name)
    words = str(clash.value)
    assert f"two plugins are named '{name}'" in words
    for distribution, target in owners.items():
        assert target in words
        assert f"of {distribution} " in words
        assert f"'{distribution}/{name}'" in words
        found = catalog.find(Loss, f"{distribution}/{name}")
        assert f"{found.__module__}:{found.__qualname__}".startswith(target)


def test_a_clash_is_no_matter_to_other_names(catalog_of):
    assert catalog_of("rival_plugins").find(Loss, "mae").plugin_name == "mae"


@pytest.mark.parametrize(("family", "name"), [(Loss, "lopsided"), (Preprocessing, "ratio"), (Architecture, "maxout")])
def test_strangers_keep_the_contract_that_the_built_in_ones_keep(catalog_of, family, name):
    check_plugin(catalog_of("acme_plugins").find(family, name))
