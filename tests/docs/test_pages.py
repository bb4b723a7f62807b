"""The pages for readers: what they show works, what they link to exists, what they name is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from recipeline.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [
    *(str(file.relative_to(ROOT)) for file in sorted(ROOT.glob("*.md"))),
    *(str(file.relative_to(ROOT)) for file in sorted((ROOT / "docs").glob("*.md"))),
    "plugins/README.md",
    "pipeline/README.md",
    "recipes/data/README.md",
]
MADE = [str(file.relative_to(ROOT)) for file in sorted((ROOT / "docs" / "plugins").rglob("*.md"))]
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def prose(page: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)


@cache
def anchors(file: Path) -> set[str]:
    """What a link may point at in a page: its headings, as code hosts name them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", file.read_text(), flags=re.S), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("pages", [*([page] for page in PAGES), MADE], ids=[*PAGES, "docs/plugins"])
def test_links_lead_somewhere(pages):
    missing = []
    for page in pages:
        for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            there = (ROOT / page).parent / path if path else ROOT / page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                missing.append(f"{page}: {link}")
    assert not missing


def test_the_pages_of_the_site_are_linked_from_its_first():
    first = prose("docs/README.md")
    assert all(f"]({name})" in first for name in ("recipe.md", "commands.md", "choose.md", "plugins/README.md"))
    assert "](docs/README.md)" in README


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page):
    named = re.findall(
        r"`((?:pipeline|plugins|recipes|tests|benchmarks|mlproject)/[\w./-]*)`", (ROOT / page).read_text()
    )
    missing = [name for name in named if "..." not in name and not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_make_targets_exist(page):
    text = (ROOT / page).read_text()
    shown = re.findall(r"^\$ recipeline (\w+)", text, re.M) + re.findall(r"`recipeline (\w+)", text)
    assert set(shown) <= set(COMMANDS)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    typed = re.findall(r"`make ([a-z-]+)", text) + re.findall(r"^\$ make ([a-z-]+)", text, re.M)
    assert set(typed) <= targets


def test_the_readmes_recipe_is_valid(tmp_path):
    from recipeline import load_recipe

    recipe, _ = blocks(README, "yaml")
    (tmp_path / "recipe.yaml").write_text(recipe)
    assert load_recipe(tmp_path / "recipe.yaml").name == "penguins"


def test_the_readmes_wrong_recipe_gives_the_errors_that_it_shows(tmp_path, monkeypatch, capsys):
    from recipeline.cli.main import main

    _, wrong = blocks(README, "yaml")
    (tmp_path / "census.yaml").write_text(wrong)
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "census.yaml"]) == 2
    (shown,) = [block for block in blocks(README, "console") if "validate census.yaml" in block]
    assert f"$ recipeline validate census.yaml\n{capsys.readouterr().err}" == shown


def test_the_readmes_plugin_is_one():
    import torch

    from recipeline import TargetSpec

    (code,) = blocks(README, "python")
    module: dict[str, object] = {"__name__": "log_cosh"}
    exec(compile(code, "README.md", "exec", dont_inherit=True), module)
    (plugin,) = module["recipeline_plugins"]()  # type: ignore[operator]
    loss = plugin(scale=2.0).build(TargetSpec("regression", ("y",)))
    expected = torch.log(torch.cosh(torch.tensor(1.5)))
    assert loss(torch.tensor([[3.0]]), torch.tensor([[0.0]])).item() == pytest.approx(expected.item())
