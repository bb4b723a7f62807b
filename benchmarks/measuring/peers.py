"""Other people's libraries, each in an environment of its own that is made once, outside the repository.

An environment sees what is installed here (torch above all, so that everyone multiplies with the same one) and holds
what the peer needs beside. One that can't be made is left out, with the reason; delete its folder to try again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path

PEERS = {"skorch": "skorch", "keras": "keras", "fastai": "fastai", "ludwig": "ludwig"}
"""Name to what pip installs."""
PATIENCE_S = 600
"""How long pip may take for one of them."""


class NotHere(Exception):
    """A peer can't be had; why."""


def cache_folder() -> Path:
    """Where the environments are: $XDG_CACHE_HOME/recipeline-benchmarks, or ~/.cache/recipeline-benchmarks."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "recipeline-benchmarks"


def python_of(peer: str, module: str | None = None) -> Path:
    """The interpreter of a peer's environment, which is made the first time.

    Args:
        peer: A name of `PEERS`.
        module: What must be importable; by default the peer's name.

    Raises:
        NotHere: it can't be installed, or not imported then.
    """
    folder = (
        cache_folder() / f"{peer}-torch-{version('torch')}-python-{sys.version_info.major}.{sys.version_info.minor}"
    )
    python = folder / "bin" / "python"
    refused = folder / "not_here.txt"
    if refused.exists():
        raise NotHere(f"{refused.read_text().strip()}; to try again, delete {folder}")
    if (folder / "complete").exists():
        return python
    print(f"  making an environment for {peer} (once, minutes)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        _install(folder, python, PEERS[peer], module or peer)
    except (subprocess.SubprocessError, OSError) as error:
        reason = _last_line(error)
        refused.write_text(reason)
        raise NotHere(reason) from error
    (folder / "complete").touch()
    return python


def _install(folder: Path, python: Path, requirement: str, module: str) -> None:
    def call(*command: str | Path, timeout_s: float = PATIENCE_S) -> None:
        subprocess.run(
            list(map(str, command)),
            check=True,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env={**os.environ, "KERAS_BACKEND": "torch"},  # it would look for TensorFlow
        )

    call(sys.executable, "-m", "venv", "--without-pip", folder)
    site = next((folder / "lib").glob("python*/site-packages"))
    (site / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    same = folder / "constraints.txt"
    same.write_text(f"torch=={version('torch').partition('+')[0]}\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--prefer-binary", "-c", same]
    call(*pip, requirement)
    if "+cpu" in version("torch"):
        # Built for CUDA, it doesn't load beside a torch that isn't and stops whatever imports it; they do without.
        for compiled in site.glob("torchaudio/lib/*.so"):
            compiled.unlink()
    call(python, "-c", f"import {module}", timeout_s=120)


def _last_line(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it took more than {error.timeout:.0f} s"
    said = getattr(error, "stderr", None) or str(error)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1][-300:] if lines else str(error)
