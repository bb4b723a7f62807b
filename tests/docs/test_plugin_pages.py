"""docs/plugins: a page for every built-in plugin, as the command makes it, with all that a reader needs."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from recipeline.catalog import Entry, installed
from recipeline.cli.plugin_pages import MARK, pages

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "plugins"
MINE = [entry for entry in installed() if entry.distribution == "recipeline"]
MADE = pages(MINE, [entry.load() for entry in MINE])

# What is a convention rather than somebody's method.
NOBODYS = {"split.column", "split.files", "report.learning_rate", "report.examples"}
# What isn't arithmetic, or is more than fits a line.
WITHOUT_FORMULA = {
    *("preprocessing.bin", "preprocessing.cast", "preprocessing.drop_columns", "preprocessing.drop_duplicates"),
    *("preprocessing.drop_missing", "preprocessing.impute", "preprocessing.load_image", "preprocessing.one_hot"),
    *("preprocessing.ordinal", "preprocessing.quantile", "preprocessing.replace", "preprocessing.strip_text"),
    *(
        "architecture.pretrained",
        "preprocessing.tokenize",
        "preprocessing.tokenize_target",
        "regularization.augment_image",
        "scheduler.chain",
        "optimizer.pytorch_optimizer",
    ),
}


def test_the_pages_are_fresh():
    there = {str(file.relative_to(FOLDER)): file.read_text() for file in FOLDER.rglob("*.md")}
    stale = sorted(path for path in {*there, *MADE} if there.get(path) != MADE.get(path))
    assert not stale, f"make docs: {', '.join(stale[:5])} differ from the classes"


@pytest.mark.parametrize("entry", MINE, ids=lambda entry: f"{entry.family}.{entry.name}")
def test_a_page_has_all_that_it_needs(entry: Entry):
    name, cls = f"{entry.family}.{entry.name}", entry.load()
    text = inspect.getdoc(cls) or ""
    assert cls.example, "an example"
    assert name in NOBODYS or re.search(r"\b(1[6-9]|20)\d\d\b|https://|github\.com", text), "a source"
    if entry.family not in ("source", "split", "report") and name not in WITHOUT_FORMULA:
        assert re.search(r"^ {4,}\S.*$", text, re.M), "a formula"
    if entry.family == "preprocessing":
        assert "## At serving" in MADE[f"{entry.family}/{entry.name}.md"], "what it does with rows that are served"


def test_the_indexes_name_every_plugin():
    for entry in MINE:
        assert f"[`{entry.name}`]({entry.family}/{entry.name}.md)" in MADE["README.md"]
        assert f"[`{entry.name}`]({entry.name}.md)" in MADE[f"{entry.family}/README.md"]


def test_no_line_of_prose_is_lost_to_markdown():
    """Outside of code nothing looks like HTML, and every page says where it comes from."""
    for path, text in MADE.items():
        assert text.startswith(MARK), path
        prose = re.sub(r"```.*?```|`[^`]*`", "", text.removeprefix(MARK), flags=re.S)
        assert not re.search(r"(?<!\\)<\w", prose), path
