"""What a run was made with."""

import subprocess
from importlib.metadata import version

import pytest

from recipeline import __version__
from recipeline.catalog import installed
from recipeline.recipe.load import parse
from recipeline.tracking import facts

TEXT = """
name: census
data: {source: {type: csv, path: a.csv}, target: income}
architecture: mlp
optimizer: {type: adam, lr: 0.001}
"""


def recipe(text=TEXT, *changes, **variables):
    return parse(text, "census.yaml", changes, variables=variables).recipe


def git(folder, *arguments):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "recipe.yaml").write_text("name: a\n")
    git(tmp_path, "add", "recipe.yaml")
    git(tmp_path, "commit", "-qm", "First")
    return tmp_path


def test_tags_name_version_digest_plugins_command_and_commit(repository):
    found = facts.tags(recipe(), installed(), "recipeline run census.yaml", repository)
    assert found == {
        "recipeline.version": __version__,
        "recipeline.recipe_sha256": facts.recipe_sha256(recipe()),
        "recipeline.plugins": f"recipeline=={version('recipeline')}",
        "recipeline.command": "recipeline run census.yaml",
        "recipeline.git_commit": git(repository, "rev-parse", "HEAD"),
        "recipeline.git_dirty": "false",
        "mlflow.source.git.commit": git(repository, "rev-parse", "HEAD"),
    }


def test_a_changed_file_is_dirty_and_its_patch_is_kept(repository):
    (repository / "mlflow.db").write_text("not in git")
    assert facts.git_patch(repository) == ""
    (repository / "recipe.yaml").write_text("name: b\n")
    assert facts.tags(recipe(), installed(), "", repository)["recipeline.git_dirty"] == "true"
    patch = facts.git_patch(repository)
    assert "-name: a\n+name: b" in patch


def test_a_huge_patch_is_cut_and_says_so(repository, monkeypatch):
    (repository / "recipe.yaml").write_text("name: b\n" * 100)
    monkeypatch.setattr(facts, "PATCH_LIMIT", 200)
    assert "# cut here: " in facts.git_patch(repository)
    assert len(facts.git_patch(repository)) < 260


def test_programs_that_a_repository_names_are_not_run(repository):
    for key in ("core.fsmonitor", "diff.external"):
        git(repository, "config", key, f"touch {repository}/ran-{key};")
    (repository / ".gitattributes").write_text("*.yaml diff=mine\n")
    git(repository, "config", "diff.mine.textconv", f"touch {repository}/ran-textconv; cat")
    (repository / "recipe.yaml").write_text("name: b\n")
    assert "+name: b" in facts.git_patch(repository)
    assert not list(repository.glob("ran-*"))


def test_outside_a_repository_and_without_git_there_is_no_commit(tmp_path, monkeypatch):
    assert facts.git_commit(tmp_path) is None
    assert facts.git_patch(tmp_path) == ""
    assert "recipeline.git_dirty" not in facts.tags(recipe(), installed(), "", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert facts.git_commit(tmp_path) is None


def test_the_digest_is_that_of_what_is_trained():
    digest = facts.recipe_sha256(recipe())
    assert len(digest) == 64
    assert facts.recipe_sha256(recipe(TEXT.replace("name: census", "name: other # a remark"))) == digest
    assert facts.recipe_sha256(recipe(TEXT + "tracking: {experiment: x}\ndescription: y\n")) == digest
    assert facts.recipe_sha256(recipe(TEXT, "optimizer.lr=0.01")) != digest
    assert facts.recipe_sha256(recipe(TEXT, "seed=1")) != digest


def test_a_secret_does_not_reach_the_command_or_the_digest():
    text = TEXT.replace("a.csv", '"${env:WHERE}/a.csv"')
    found = facts.tags(recipe(text, WHERE="/hidden"), installed(), "recipeline run x data.source.path=/hidden/a.csv")
    assert found["recipeline.command"] == "recipeline run x data.source.path=${env:WHERE}/a.csv"
    assert facts.recipe_sha256(recipe(text, WHERE="/hidden")) == facts.recipe_sha256(recipe(text, WHERE="/other"))


def test_requirements_list_what_is_installed():
    lines = facts.requirements().splitlines()
    assert f"torch=={version('torch')}" in lines
    assert lines == sorted(lines, key=str.lower)


def test_a_temporary_file_is_gone_afterwards():
    with facts.temporary("split.parquet") as path:
        path.write_text("x")
        assert path.name == "split.parquet"
    assert not path.parent.exists()
