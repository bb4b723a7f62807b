"""docs/commands.md: every command and option is there, and a sitting gives what the page shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from recipeline.cli.main import COMMANDS, cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "commands.md").read_text()


def section(name: str) -> str:
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    assert found, f"docs/commands.md has no heading '## {name}'"
    return found.group(1)


def test_the_commands_stand_in_the_order_of_the_help():
    assert re.findall(r"^## (\w+)$", PAGE, re.M) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_argument_is_explained(name):
    text = section(name)
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    usage = re.search(rf"^`recipeline {name}[^`]*`", text.lstrip())
    assert usage, f"the section of {name} begins with its call"
    for param in command.params:
        names = [*param.opts, *param.secondary_opts] if isinstance(param, click.Option) else []
        assert set(names) <= set(re.findall(r"--?[a-z][\w-]*", text)), f"{name}: {names}"
        if isinstance(param, click.Option) and not param.is_flag:
            assert f"`{param.opts[-1]} " in text or f", `{param.opts[-1]} " in text, (
                f"{name}: {param.opts[-1]} has no line"
            )


def test_every_exit_code_is_explained():
    rows = re.findall(r"^\| ([\d, ]+) \| \S", PAGE, re.M)
    assert [int(code) for row in rows for code in row.split(",")] == [0, 1, 2, 3, 4, 130, 143]


def masked(line: str) -> str:
    """A line without what differs from one sitting to the next: ids, seconds, speeds, versions, paths, widths."""
    line = re.sub(r"sqlite:////\S*/", "sqlite:////", line)
    line = re.sub(r"\bm-[0-9a-f]{32}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{8}\b", "ID", line)
    line = re.sub(r"[\d.]+ s$|[\d.]+[kM]?/s$|\b\d+\.\d+\.\d+\b", "N", line)
    return " ".join(re.sub(r"─+", "─", line).split())


@pytest.mark.slow
def test_a_sitting_gives_what_the_page_shows(tmp_path):
    shutil.copy(ROOT / "recipes" / "data" / "penguins_field_notes.csv", tmp_path / "birds.csv")
    folder = Path(sys.executable).parent
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "RECIPELINE_"))}
    environment |= {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""}
    real: dict[str, str] = {}
    for block in re.findall(r"^```console\n(.*?)^```", PAGE, re.M | re.S):
        for call, shown in re.findall(r"^\$ recipeline (.*)\n((?:(?!\$ ).*\n)*)", block, re.M):
            arguments = [real.get(word, word) for word in shlex.split(call)]
            done = subprocess.run(
                [folder / "recipeline", *arguments],
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=300,
            )
            for there, here in zip(
                *(re.findall(r"^run +([0-9a-f]{8})", text, re.M) for text in (shown, done.stdout)), strict=False
            ):
                real[there] = here
            given = [masked(line) for line in done.stdout.splitlines()]
            expected = [masked(line) for line in shown.splitlines() if line.strip() not in ("", "...")]
            for line in expected:
                close = [
                    place
                    for place, other in enumerate(given)
                    if other == line or other.startswith(f"{line} ") or other.startswith(f"{line},")
                ]
                assert close, f"recipeline {call} does not print: {line}\n{done.stdout}"
                given = given[close[0] + 1 :]
