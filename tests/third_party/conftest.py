"""The distributions of this folder, built by pip as anyone's would be, each in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
DISTRIBUTIONS = ("acme_plugins", "broken_plugin", "rival_plugins")

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a distribution: put those on the path that a test needs."""
    folder = tmp_path_factory.mktemp("shelf")
    for name in DISTRIBUTIONS:
        quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
        alone = ["--no-deps", "--no-index", "--no-build-isolation", "--target", str(folder / name)]
        subprocess.run([sys.executable, "-m", "pip", "install", *quiet, *alone, str(HERE / name)], check=True)
    return folder


@pytest.fixture
def recipeline(shelf: Path, tmp_path: Path) -> Command:
    """The command in a fresh interpreter, in a folder of its own, with some of the distributions installed."""

    def call(*arguments: str, path: tuple[str, ...], **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).parent / "recipeline", *arguments],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(str(shelf / name) for name in path), **environment},
            capture_output=True,
            text=True,
            timeout=180,
        )

    return call
