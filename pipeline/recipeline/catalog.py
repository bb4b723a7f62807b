"""Find installed plugins and answer for them by family and name."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Literal, TypeVar

import pluggy

from recipeline import hooks
from recipeline.elsewhere import known_here_as
from recipeline.errors import Problem, RecipeError, UsageError
from recipeline.families.metric import Metric
from recipeline.families.plugin import Plugin, PluginReference
from recipeline.nearest import did_you_mean

P = TypeVar("P", bound=Plugin)

FAMILIES = (
    "source", "split", "preprocessing", "architecture", "loss", "optimizer", "scheduler",
    "regularization", "metric", "report",
)  # fmt: skip
"""The families in the order in which a run meets them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One installed plugin: whose it is, and the class or where to import it from."""

    family: str
    name: str
    distribution: str
    version: str
    source: type[Plugin] | PluginReference

    @property
    def target(self) -> str:
        """`module:Class`, known without an import."""
        if isinstance(self.source, PluginReference):
            return self.source.target
        return f"{self.source.__module__}:{self.source.__qualname__}"

    def load(self) -> type[Plugin]:
        """The class.

        Raises:
            RecipeError: it can't be imported, or is not what was announced.
        """
        if not isinstance(self.source, PluginReference):
            return self.source
        module, _, name = self.source.target.partition(":")
        try:
            cls = getattr(importlib.import_module(module), name)
        except Exception as error:
            raise RecipeError(
                Problem(
                    f"the {self.family} '{self.name}' of {self.distribution} {self.version} fails to import: "
                    f"{type(error).__name__}: {error}",
                    suggestion=f"Reinstall or update {self.distribution}.",
                )
            ) from error
        if not (isinstance(cls, type) and issubclass(cls, Plugin)) or cls.plugin_name != self.name:
            raise RecipeError(
                Problem(f"{self.source.target} of {self.distribution} is not the {self.family} '{self.name}'")
            )
        return cls


@dataclass(frozen=True, slots=True)
class Broken:
    """A distribution whose plugins can't be had, and why."""

    distribution: str
    version: str
    entry_point: str
    reason: str


@dataclass(slots=True)
class Catalog:
    """All installed plugins. Names are exact; `vendor/name` picks one of two that share a name."""

    manager: pluggy.PluginManager
    entries: dict[tuple[str, str], list[Entry]] = field(default_factory=dict)
    broken: list[Broken] = field(default_factory=list)

    def __iter__(self) -> Iterator[Entry]:
        """Every plugin, by family in the order of a run and then by name."""
        for family in FAMILIES:
            for name in self.names(family):
                yield from self.entries[family, name]

    def names(self, family: str) -> list[str]:
        """The names in a family, sorted."""
        return sorted(name for (kind, name) in self.entries if kind == family)

    def entry(self, family: str, name: str) -> Entry:
        """The one plugin of this family and name.

        Raises:
            RecipeError: there is none, or more than one; the message says what there is.
        """
        vendor, _, bare = name.rpartition("/")
        found = self.entries.get((family, bare), [])
        if vendor:
            found = [entry for entry in found if entry.distribution.lower() == vendor.lower()]
        if len(found) == 1:
            return found[0]
        if found:
            owners = " and ".join(f"{e.target} of {e.distribution} {e.version}" for e in found)
            choices = " or ".join(f"'{e.distribution}/{bare}'" for e in found)
            raise RecipeError(Problem(f"two plugins are named '{bare}': {owners}", suggestion=f"Write {choices}."))
        raise RecipeError(self._unknown(family, name))

    def find(self, family: type[P], name: str) -> type[P]:
        """The class of this family and name; raises as `entry` and `Entry.load` do."""
        cls = self.entry(family.family, name).load()
        if not issubclass(cls, family):
            raise RecipeError(Problem(f"'{name}' is a {cls.family}, not a {family.family}"))
        return cls

    def owner(self, plugin: Plugin | type[Plugin]) -> Entry:
        """Whose plugin this is."""
        target = plugin if isinstance(plugin, type) else type(plugin)
        where = f"{target.__module__}:{target.__qualname__}"
        for entry in self.entries.get((target.family, target.plugin_name), []):
            if entry.target == where:
                return entry
        raise UsageError(Problem(f"{where} is not an installed plugin"))

    def _unknown(self, family: str, name: str) -> Problem:
        names = self.names(family)
        here = known_here_as(family, name, names)
        ending = name.rpartition(".")[2].lower()
        if family == "source" and "." in name and ending in names:
            advice: str | None = f"A file is written {{type: {ending}, path: {name}}}."
        else:
            advice = f"Did you mean '{here}'?" if here else did_you_mean(name, names)
        if advice is None:
            others = [kind for kind in FAMILIES if kind != family and (kind, name) in self.entries]
            if others:
                advice = f"'{name}' is {'an' if others[0][0] in 'aeiou' else 'a'} {others[0]}."
            elif names and len(names) <= 12:
                advice = f"There are: {', '.join(names)}."
        if self.broken:
            who = ", ".join(sorted({broken.distribution for broken in self.broken}))
            advice = f"{advice or ''} (Some plugins failed to load: {who}; see: recipeline doctor.)".lstrip()
        shown = ascii(name) if not name.isprintable() else f"'{name}'"
        if len(shown) > 60:
            shown = f"{shown[:56]}...'"
        see = f"See: recipeline plugins {family}"
        return Problem(f"no {family} is named {shown}", suggestion=f"{advice} {see}" if advice else see)


def _owners(points: Sequence[EntryPoint]) -> list[tuple[str, str]]:
    """Name and version of the distribution of each entry point, each distribution's metadata parsed once."""
    known: dict[int, tuple[str, str]] = {}
    for point in points:
        if id(point.dist) not in known:
            known[id(point.dist)] = (point.dist.name, point.dist.version) if point.dist else ("unknown", "0")
    return [known[id(point.dist)] for point in points]


def build(points: Iterable[EntryPoint]) -> Catalog:
    """The catalog of these entry points. A broken one is remembered, and everything else goes on working.

    pluggy's own loader isn't used: it drops a second entry point of the same name in silence, and one failing
    import takes all down.
    """
    manager = pluggy.PluginManager(hooks.PROJECT)
    manager.add_hookspecs(hooks)
    catalog = Catalog(manager)
    listed = list(points)
    owned = sorted(zip(_owners(listed), listed, strict=True), key=lambda pair: (pair[0], pair[1].name))
    for (distribution, version), point in owned:
        try:
            module = point.load()
            name = f"{distribution}:{point.name}"
            if manager.has_plugin(name):
                raise ValueError(f"the entry point '{point.name}' is declared twice")
            manager.register(module, name=name)
            manager.check_pending()
            caller = manager.subset_hook_caller(
                "recipeline_plugins", [p for p in manager.get_plugins() if p is not module]
            )
            offered = [plugin for group in caller() for plugin in group or ()]
            entries = [_entry(plugin, distribution, version) for plugin in offered]
        except Exception as error:
            if manager.has_plugin(f"{distribution}:{point.name}"):
                manager.unregister(name=f"{distribution}:{point.name}")
            reason = f"{type(error).__name__}: {error}"
            catalog.broken.append(Broken(distribution, version, point.name, reason))
            continue
        for entry in entries:
            catalog.entries.setdefault((entry.family, entry.name), []).append(entry)
    return catalog


def _entry(plugin: object, distribution: str, version: str) -> Entry:
    if isinstance(plugin, PluginReference):
        family, name = plugin.family, plugin.name
    elif isinstance(plugin, type) and issubclass(plugin, Plugin):
        family, name = plugin.family, plugin.plugin_name
    else:
        raise TypeError(f"recipeline_plugins returned {plugin!r}: neither a Plugin class nor a PluginReference")
    if family not in FAMILIES:
        raise TypeError(f"{plugin!r} is of the unknown family '{family}': {', '.join(FAMILIES)}")
    if not name:
        raise TypeError(f'{plugin!r} has no name: class X(Loss, name="x")')
    return Entry(family, name, distribution, version, plugin)


@cache
def installed() -> Catalog:
    """The catalog of what is installed in this interpreter, made once."""
    return build(entry_points(group=hooks.PROJECT))


def direction(monitor: str) -> Literal["min", "max"]:
    """Whether less or more of a watched metric is better: `val/loss` -> min, `val/accuracy` -> max.

    Raises:
        RecipeError: it is neither a loss nor an installed metric.
    """
    name = monitor.rpartition("/")[2]
    if name == "loss":
        return "min"
    try:
        cls = installed().find(Metric, name)
    except RecipeError as error:
        problem = error.problems[0]
        advice = f"{problem.suggestion}, or state `mode: min` or `mode: max`."
        raise RecipeError(replace(problem, suggestion=advice)) from None
    return "max" if cls.higher_is_better else "min"
