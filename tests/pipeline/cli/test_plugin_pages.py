from collections.abc import Mapping
from typing import ClassVar

import pytest

from recipeline import Loss, Optimizer, UnsafeError
from recipeline.cli.main import main
from recipeline.cli.plugin_pages import MARK, pages, write


class Tolerant(Loss, name="tolerant"):
    """Errors within `width` cost nothing, as in `exact` and `nowhere`.

        loss = max(|e| - width, 0)

    At serving: a value of <b> *stays*.

    Vapnik 1995.
    """

    example = "loss: {type: tolerant, width: 0.2}"
    tasks: ClassVar = {"regression"}
    conflicts: ClassVar[frozenset[str]] = frozenset({"training.batch_size=1"})

    width: float = 0.1
    """What counts as none: a|b < c."""

    def build(self, target):
        return lambda prediction, truth: (prediction - truth).abs().mean()


class Exact(Loss, name="exact"):
    """What it says."""

    must: int
    """Without it nothing goes."""

    def build(self, target):
        return lambda prediction, truth: (prediction - truth).square().mean()


class Hasty(Optimizer, name="hasty"):
    """Large steps."""

    goes_badly_with: ClassVar[Mapping[str, str]] = {"loss.tolerant": "steps over what is free"}

    def build(self, parameters):
        raise NotImplementedError


@pytest.fixture
def made(catalog_of):
    entries = list(catalog_of(Tolerant, Exact, Hasty))
    return pages(entries, [entry.load() for entry in entries])


def test_a_page_a_plugin_and_an_index_a_family(made):
    assert set(made) == {
        *("README.md", "loss/README.md", "loss/tolerant.md", "loss/exact.md"),
        *("optimizer/README.md", "optimizer/hasty.md"),
    }
    assert all(text.startswith(f"{MARK}\n# ") for text in made.values())


def test_a_page_says_what_the_class_says(made):
    page = made["loss/tolerant.md"]
    assert "Errors within `width` cost nothing, as in [`exact`](exact.md) and `nowhere`." in page
    assert "```text\nloss = max(|e| - width, 0)\n```" in page
    assert "Vapnik 1995." in page
    assert "## In a recipe\n\n```yaml\nloss: {type: tolerant, width: 0.2}\n```" in page
    assert "| `width` | number | `0.1` | What counts as none: a\\|b \\< c. |" in page
    assert "## At serving\n\nA value of \\<b> \\*stays\\*." in page
    assert "- **tasks**: regression, forecasting\n" in page
    assert "- **refused with**: `training.batch_size: 1`\n" in page
    assert "- **goes badly with**: [`optimizer.hasty`](../optimizer/hasty.md): steps over what is free\n" in page


def test_what_has_no_example_shows_its_name_unless_it_needs_settings(made):
    assert "```yaml\noptimizer: hasty\n```" in made["optimizer/hasty.md"]
    assert "## In a recipe" not in made["loss/exact.md"]
    assert "| `must` | whole number | required | Without it nothing goes. |" in made["loss/exact.md"]


def test_pages_are_written_over_pages_and_over_nothing_else(made, tmp_path):
    write(made, tmp_path)
    write(made | {"loss/exact.md": f"{MARK}\nnew\n"}, tmp_path)
    assert (tmp_path / "loss" / "exact.md").read_text() == f"{MARK}\nnew\n"
    (tmp_path / "README.md").write_text("# Mine\n")
    with pytest.raises(UnsafeError, match="isn't a page made by this command"):
        write(made, tmp_path)
    assert (tmp_path / "README.md").read_text() == "# Mine\n"
    assert "new" in (tmp_path / "loss" / "exact.md").read_text()


def test_the_command(capsys, tmp_path, catalog_of, monkeypatch):
    catalog = catalog_of(("acme", "1.0", Tolerant), Exact)
    monkeypatch.setattr("recipeline.catalog.installed", lambda: catalog)
    assert main(["plugins", "--from", "acme", "--docs", str(tmp_path / "pages")]) == 0
    assert capsys.readouterr().err == f"wrote 3 pages: {tmp_path / 'pages' / 'README.md'}\n"
    page = (tmp_path / "pages" / "loss" / "tolerant.md").read_text()
    assert "A [loss](README.md) of acme: `" in page
    assert "as in `exact`" in page  # which has no page here
    (tmp_path / "pages" / "README.md").write_text("# Mine\n")
    assert main(["plugins", "--from", "acme", "--docs", str(tmp_path / "pages")]) == 3
