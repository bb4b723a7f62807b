import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from recipeline import Loss, Optimizer, PluginReference, RecipeError, UsageError, hookimpl
from recipeline.catalog import FAMILIES, build, installed


class Fine(Loss, name="fine"):
    """A loss."""

    def build(self, target):
        raise NotImplementedError


class Fast(Optimizer, name="fast"):
    """An optimizer."""

    def build(self, parameters):
        raise NotImplementedError


class Distribution:
    def __init__(self, name, version="1.0"):
        self.name, self.version = name, version


@pytest.fixture
def point(monkeypatch):
    """An entry point of a distribution whose hook returns the plugins given."""

    def make(distribution, name, plugins, **more):
        module = ModuleType(f"toy_{distribution.name}_{name}")

        def recipeline_plugins():
            if isinstance(plugins, Exception):
                raise plugins
            return plugins

        module.recipeline_plugins = hookimpl(recipeline_plugins)
        for key, value in more.items():
            setattr(module, key, value)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return EntryPoint(name, module.__name__, "recipeline")._for(distribution)

    return make


def test_plugins_are_found_with_their_owner(point):
    catalog = build([point(Distribution("toys", "3.1"), "losses", [Fine, Fast])])
    assert [(e.family, e.name, e.distribution, e.version) for e in catalog] == [
        ("loss", "fine", "toys", "3.1"),
        ("optimizer", "fast", "toys", "3.1"),
    ]
    assert catalog.find(Loss, "fine") is Fine
    assert catalog.find(Loss, "toys/fine") is Fine
    assert catalog.owner(Fine()).distribution == "toys"
    assert catalog.names("loss") == ["fine"]


def test_one_that_fails_is_named_and_the_others_go_on(point):
    gone = EntryPoint("gone", "no_such_module_at_all", "recipeline")._for(Distribution("wreck", "0.1"))
    broken = point(Distribution("mess"), "a", RuntimeError("oh no"))
    wrong = point(Distribution("odd"), "a", [42])
    catalog = build([gone, broken, wrong, point(Distribution("toys"), "losses", [Fine])])
    assert catalog.names("loss") == ["fine"]
    assert [(b.distribution, b.version, b.entry_point) for b in catalog.broken] == [
        ("mess", "1.0", "a"),
        ("odd", "1.0", "a"),
        ("wreck", "0.1", "gone"),
    ]
    reasons = [broken.reason for broken in catalog.broken]
    assert reasons[0] == "RuntimeError: oh no"
    assert "neither a Plugin class nor a PluginReference" in reasons[1]
    assert "No module named 'no_such_module_at_all'" in reasons[2]
    with pytest.raises(
        RecipeError, match=r"\(Some plugins failed to load: mess, odd, wreck; see: recipeline doctor\.\)"
    ):
        catalog.entry("loss", "nothing")


def test_two_of_one_name_are_both_named_and_the_vendor_picks(point):
    class Fine2(Loss, name="fine"):
        """Another."""

        def build(self, target):
            raise NotImplementedError

    catalog = build([point(Distribution("a"), "x", [Fine]), point(Distribution("B"), "x", [Fine2])])
    with pytest.raises(
        RecipeError, match=r"two plugins are named 'fine': .*Fine2 of B 1\.0 and .*:Fine of a 1\.0"
    ) as caught:
        catalog.entry("loss", "fine")
    assert str(caught.value).endswith("Write 'B/fine' or 'a/fine'.")
    assert catalog.find(Loss, "a/fine") is Fine
    assert catalog.find(Loss, "b/fine") is Fine2


def test_a_second_entry_point_of_the_same_name_is_not_dropped_in_silence(point):
    owner = Distribution("toys")
    catalog = build([point(owner, "x", [Fine]), point(owner, "x", [Fast])])
    assert [broken.reason for broken in catalog.broken] == ["ValueError: the entry point 'x' is declared twice"]


def test_a_hook_that_nobody_calls_is_refused(point):
    odd = point(Distribution("toys"), "x", [Fine], recipeline_plugin=hookimpl(lambda: []))
    catalog = build([odd])
    assert "unknown hook 'recipeline_plugin'" in catalog.broken[0].reason
    assert catalog.names("loss") == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("finee", "no loss is named 'finee'. Did you mean 'fine'? See: recipeline plugins loss"),
        ("fast", "no loss is named 'fast'. 'fast' is an optimizer. See: recipeline plugins loss"),
        ("xyzzy", "no loss is named 'xyzzy'. There are: fine. See: recipeline plugins loss"),
        ("other/fine", "no loss is named 'other/fine'."),
        ("x" * 100, "no loss is named 'xxxxx"),
        ("\x1b[31m", r"no loss is named '\x1b[31m'"),
        ("", "no loss is named ''"),
        ("../fine", "no loss is named '../fine'"),
        ("os.system", "no loss is named 'os.system'"),
    ],
)
def test_an_unknown_name_gets_advice(point, name, says):
    catalog = build([point(Distribution("toys"), "x", [Fine, Fast])])
    with pytest.raises(RecipeError) as caught:
        catalog.entry("loss", name)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 200


def test_references_are_imported_when_they_are_named(point):
    references = [
        PluginReference("loss", "fine", f"{__name__}:Fine"),
        PluginReference("loss", "gone", "no_such_module_at_all:Gone"),
        PluginReference("loss", "liar", f"{__name__}:Fast"),
    ]
    sys.modules.setdefault(__name__, sys.modules[Fine.__module__])
    catalog = build([point(Distribution("toys"), "x", references)])
    assert catalog.find(Loss, "fine") is Fine
    with pytest.raises(RecipeError, match=r"the loss 'gone' of toys 1\.0 fails to import: ModuleNotFoundError"):
        catalog.find(Loss, "gone")
    with pytest.raises(RecipeError, match="is not the loss 'liar'"):
        catalog.find(Loss, "liar")


def test_what_is_no_plugin_has_no_owner():
    with pytest.raises(UsageError, match="is not an installed plugin"):
        installed().owner(Fine)


def test_everything_built_in_loads_and_is_what_it_says():
    catalog = installed()
    assert {entry.family for entry in catalog} == set(FAMILIES)
    for entry in catalog:
        cls = entry.load()
        assert (cls.family, cls.plugin_name) == (entry.family, entry.name)
        assert cls.summary().endswith(".")
