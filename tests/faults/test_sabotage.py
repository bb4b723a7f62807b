"""The tests prove themselves: what is promised is broken on purpose, and a test that is named has to fail.

Each entry of sabotage.toml changes a copy of the engine, in which that one test is run; nothing here touches the real
one. What no longer applies is an error: the code has moved, and the entry has to follow. The copies are tested in
processes forked from one that has imported the large libraries, since that takes longer than the tests.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SABOTAGE = tomllib.loads(Path(__file__).with_name("sabotage.toml").read_text())["sabotage"]
TESTER = """
import json, os, sys

import matplotlib.pyplot, mlflow.store.tracking.sqlalchemy_store, pytest, pytorch_lightning, sklearn.datasets, torch
import torchmetrics

assert not [name for name in sys.modules if name.startswith("recipeline")]
for line in sys.stdin:
    call = json.loads(line)
    pid = os.fork()
    if pid == 0:
        said = os.open(call["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(said, 1), os.dup2(said, 2)
        os.environ["PYTHONPATH"] = os.pathsep.join(call["paths"])
        sys.path[:0] = call["paths"]
        options = ["-q", "-p", "no:cacheprovider", "--basetemp", call["temporary"]]
        code = pytest.main([*options, *call["tests"]])
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)  # taking all of these libraries down takes seconds
"""


class Copies:
    """Copies of the engine, and what the tests say of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "PYTEST_", "PYTHONPATH"))}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TESTER],
            cwd=ROOT,
            env=environment | {"OMP_NUM_THREADS": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.copies = 0

    def copy(self) -> Path:
        """A folder with pipeline/ and plugins/ as they are."""
        self.copies += 1
        made = self.folder / str(self.copies)
        for name in ("pipeline", "plugins"):
            shutil.copytree(ROOT / name, made / name, ignore=shutil.ignore_patterns("__pycache__", "*.md"))
        return made

    def test(self, copy: Path, *tests: str) -> tuple[int, str]:
        """pytest's exit code and words of these tests, run on that copy."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        said = copy / "said.txt"
        call = {
            "paths": [str(copy / "pipeline"), str(copy / "plugins")],
            "said": str(said),
            "temporary": str(copy / "tmp"),
            "tests": tests,
        }
        print(json.dumps(call), file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline())
        words = said.read_text()
        shutil.rmtree(copy)
        return code, words


@pytest.fixture(scope="module")
def copies(tmp_path_factory) -> Iterator[Copies]:
    made = Copies(tmp_path_factory.mktemp("sabotage"))
    yield made
    made.process.communicate(timeout=30)


@pytest.fixture(scope="module")
def sound(copies: Copies) -> None:
    """Without sabotage every test that is named passes, on a copy too."""
    copy = copies.copy()
    code, said = copies.test(copy, *dict.fromkeys(each["test"] for each in SABOTAGE))
    assert code == 0, said[-5000:]
    assert " passed" in said
    assert " skipped" not in said, said[-2000:]


def sabotaged(text: str, entry: dict[str, str]) -> str:
    """The file's text with the entry's changes; each has to have its place."""
    for old, new in [(entry["old"], entry["new"]), *entry.get("also", [])]:
        old, new = old.removeprefix("\n"), new.removeprefix("\n")
        found = text.count(old)
        assert found == 1, f"{entry['what']}: this stands {found} times in {entry['file']}:\n{old}"
        text = text.replace(old, new)
    return text


def test_there_are_enough_and_each_has_its_place_in_the_code_as_it_is():
    assert len({each["what"] for each in SABOTAGE}) == len(SABOTAGE) >= 20
    for entry in SABOTAGE:
        changed = sabotaged((ROOT / "pipeline" / "recipeline" / entry["file"]).read_text(), entry)
        compile(changed, entry["file"], "exec")
        assert (ROOT / entry["test"].partition("::")[0]).is_file(), entry["test"]


@pytest.mark.faults
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("entry", SABOTAGE, ids=[each["what"] for each in SABOTAGE])
def test_it_is_caught(entry, copies, sound):
    copy = copies.copy()
    path = copy / "pipeline" / "recipeline" / entry["file"]
    path.write_text(sabotaged(path.read_text(), entry))
    code, said = copies.test(copy, entry["test"])
    assert code == 1, f"pytest ended with {code}, and should have said that the test fails:\n{said[-3000:]}"
    assert " failed" in said.splitlines()[-1], said[-3000:]
    assert "ImportError" not in said, said[-3000:]
