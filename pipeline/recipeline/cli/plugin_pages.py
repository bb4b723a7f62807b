"""Pages in Markdown for plugins, made from their classes: one a plugin, one a family, and one over all.

What a page says is said once, in the class: its documentation, its settings, what it declares and its example.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recipeline.catalog import FAMILIES, Entry
from recipeline.cli.plugin_facts import facts, for_tasks, in_words, usual_for
from recipeline.cli.plugin_settings import setting_rows
from recipeline.errors import Problem, UnsafeError
from recipeline.families.plugin import Plugin
from recipeline.recipe.schema_view import article

MARK = "<!-- Made by `recipeline plugins --docs`: change the class and make it again. -->"
"""The first line of every page: only files that begin with it are written over."""

_KEYS = {
    "source": "data: {source: ...}", "split": "data: {split: ...}", "preprocessing": "preprocessing: [...]",
    "architecture": "architecture: ...", "loss": "loss: ...", "optimizer": "optimizer: ...",
    "scheduler": "scheduler: ...", "regularization": "regularization: [...]", "metric": "metrics: [...]",
    "report": "reports: [...]",
}  # fmt: skip
"""Where a recipe names the plugins of a family."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The plugins that have a page, by family in the order of a run and by name."""

    entries: Sequence[Entry]
    classes: Mapping[tuple[str, str], type[Plugin]]
    others: Sequence[type[Plugin]]
    """All that are installed, with or without a page."""

    def families(self) -> list[str]:
        """The families that have a page."""
        return [family for family in FAMILIES if any(entry.family == family for entry in self.entries)]

    def of(self, family: str) -> list[Entry]:
        """The plugins of a family."""
        return [entry for entry in self.entries if entry.family == family]


def pages(entries: Sequence[Entry], installed: Sequence[type[Plugin]] = ()) -> dict[str, str]:
    """The pages of these plugins: relative path -> text.

    Args:
        entries: Those that get a page.
        installed: All plugins, whose declarations may name one of these.
    """
    chosen = entries
    shelf = Shelf(chosen, {(entry.family, entry.name): entry.load() for entry in chosen}, installed)
    made = {"README.md": _index(shelf)}
    for family in shelf.families():
        made[f"{family}/README.md"] = _family(family, shelf)
    for entry in chosen:
        made[f"{entry.family}/{entry.name}.md"] = _page(entry, shelf)
    return made


def write(made: Mapping[str, str], folder: Path) -> None:
    """Write pages into a folder, over pages made before and over nothing else.

    Raises:
        UnsafeError: files that nobody made here are in the way.
    """
    from recipeline.storage.atomic import write_text

    foreign = [path for path in made if (folder / path).exists() and not _ours(folder / path)]
    if foreign:
        raise UnsafeError(
            *(
                Problem(
                    "the file is there, and it isn't a page made by this command",
                    file=str(folder / path),
                    suggestion="Choose another folder, or move the file away.",
                )
                for path in foreign
            )
        )
    for path, text in made.items():
        write_text(folder / path, text)


def _ours(file: Path) -> bool:
    with file.open(encoding="utf-8", errors="replace") as text:
        return text.readline().rstrip("\n") == MARK


def _index(shelf: Shelf) -> str:
    owners = list(dict.fromkeys(entry.distribution for entry in shelf.entries))
    lines = [
        MARK,
        "# Plugins",
        "",
        f"{len(shelf.entries)} plugins of {_either(owners)}, by family in the order in which a run meets them. "
        "`recipeline plugins` lists",
        "those that are installed on your machine, plugins of other distributions among them.",
        "",
        "| family | what it is for |",
        "|---|---|",
        *(f"| [{family}](#{family}) | {_cell(_promise(family, shelf))} |" for family in shelf.families()),
    ]
    for family in shelf.families():
        lines += ["", f"## {family}", "", "| name | what it does |", "|---|---|"]
        lines += [
            f"| [`{entry.name}`]({family}/{entry.name}.md) | {_cell(_summary(entry, shelf, family + '/'))} |"
            for entry in shelf.of(family)
        ]
    return "\n".join(lines) + "\n"


def _family(family: str, shelf: Shelf) -> str:
    entries = shelf.of(family)
    tasks = {entry.name: for_tasks(shelf.classes[family, entry.name]) for entry in entries}
    usual = {entry.name: usual_for(shelf.classes[family, entry.name]) for entry in entries}
    shown = any(tasks.values())
    lines = [
        MARK,
        f"# {family}",
        "",
        _promise(family, shelf),
        "",
        f"In a recipe: `{_KEYS[family]}`. [All plugins](../README.md).",
        "",
        "| name | what it does |" + (" tasks |" if shown else ""),
        "|---|---|" + ("---|" if shown else ""),
    ]
    for entry in entries:
        row = f"| [`{entry.name}`]({entry.name}.md) | {_cell(_summary(entry, shelf, ''))} |"
        lines.append(row + (f" {in_words(tasks[entry.name])} |" if shown else ""))
    chosen = [f"`{name}`, for the tasks: {in_words(of)}" for name, of in usual.items() if of]
    if chosen:
        lines += ["", "A recipe that names none gets:", "", *(f"- {words}" for words in chosen)]
    return "\n".join(lines) + "\n"


def _page(entry: Entry, shelf: Shelf) -> str:
    cls = shelf.classes[entry.family, entry.name]
    link = _Links(cls, shelf, "../")
    summary, body, serving = _documentation(cls)
    lines = [MARK, f"# {entry.name}", "", link(_escaped(summary)), ""]
    for paragraph in body:
        lines += [*_paragraph(paragraph, link), ""]
    example = example_of(cls)
    if example:
        lines += ["## In a recipe", "", "```yaml", *example.splitlines(), "```", ""]
    lines += ["## Settings", ""]
    rows = setting_rows(cls)
    if rows:
        lines += ["| setting | takes | default | meaning |", "|---|---|---|---|"]
        for name, kind, default, span, meaning in rows:
            takes = f"{kind}, {span}" if span else kind
            value = default if default == "required" else f"`{default}`"
            cells = (f"`{name}`", _cell(_escaped(takes)), _cell(value), _cell(link(_escaped(meaning))))
            lines.append(f"| {' | '.join(cells)} |")
    else:
        lines.append("It has none.")
    if serving:
        lines += ["", "## At serving", "", *_paragraph(serving, link)]
    if said := facts(cls, shelf.others):
        lines += ["", "## What it goes with", ""]
        lines += [f"- **{label}**: {link(_escaped(text))}" for label, text in said]
    kin = f"[{entry.family}](README.md){' step' if entry.family == 'preprocessing' else ''}"
    lines += ["", "---", "", f"{article(entry.family).capitalize()} {kin} of {entry.distribution}: `{entry.target}`"]
    return "\n".join(lines) + "\n"


def example_of(cls: type[Plugin]) -> str:
    """The lines of a recipe that show it: its own, or its bare name where it has neither them nor required settings."""
    if cls.example:
        return inspect.cleandoc(cls.example)
    if any(field.is_required() for field in cls.model_fields.values()):
        return ""
    return _KEYS[cls.family].replace("...", cls.plugin_name)


def _documentation(cls: type[Plugin]) -> tuple[str, list[str], str]:
    """The class's documentation: its first line, its paragraphs, and the one about serving."""
    summary, *paragraphs = re.split(r"\n\s*\n", inspect.getdoc(cls) or "")
    first, _, rest = summary.partition("\n")
    serving = [paragraph for paragraph in paragraphs if paragraph.startswith("At serving: ")]
    body = [rest] * bool(rest) + [paragraph for paragraph in paragraphs if paragraph not in serving]
    said = "\n".join(serving).removeprefix("At serving: ")
    return first, body, said[:1].upper() + said[1:]


def _paragraph(text: str, link: _Links) -> list[str]:
    """Prose as it is, what is indented as a block of its own."""
    lines = text.splitlines()
    if all(line.startswith("    ") for line in lines):
        return ["```text", *(line[4:] for line in lines), "```"]
    return [link(_escaped(line)) for line in lines]


class _Links:
    """Turns `name` into a link to the page of that plugin, where it can mean no other."""

    def __init__(self, cls: type[Plugin], shelf: Shelf, up: str) -> None:
        self.family, self.name, self.shelf, self.up = cls.family, cls.plugin_name, shelf, up
        words = json.dumps(cls.model_json_schema().get("properties", {}))
        self.own = {*cls.model_fields, *re.findall(r'"(\w+)"', words)}

    def __call__(self, text: str) -> str:
        return re.sub(r"`([a-z_][\w.]*)`", self._link, text)

    def _link(self, match: re.Match[str]) -> str:
        family, _, name = match[1].rpartition(".")
        pages = self.shelf.classes
        if not family and name not in self.own:
            found = [kind for kind, known in pages if known == name]
            family = self.family if self.family in found else found[0] if len(found) == 1 else ""
        if (family, name) not in pages or (family, name) == (self.family, self.name):
            return match[0]
        here = family == self.family and self.up
        return f"[{match[0]}]({name if here else f'{self.up}{family}/{name}'}.md)"


def _summary(entry: Entry, shelf: Shelf, _: str) -> str:
    return _escaped(shelf.classes[entry.family, entry.name].summary())


def _promise(family: str, shelf: Shelf) -> str:
    """What a family is for: the first line of the file that holds its promise."""
    (cls, *_) = [cls for (kind, _), cls in shelf.classes.items() if kind == family]
    root = next(base for base in reversed(cls.__mro__) if getattr(base, "family", "") == family)
    return (inspect.getdoc(sys.modules[root.__module__]) or "").partition("\n")[0]


def _escaped(text: str) -> str:
    """Text whose signs Markdown would take for its own, outside of `code`."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([*<\\])", r"\\\1", part) for part in parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)
