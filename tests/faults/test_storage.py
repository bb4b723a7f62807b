"""At every system call of a save a kill, a full disk and a broken one leave the old state or the new one whole.

strace makes the n-th call of a kind fail, or ends the process there. Where it is not installed these are skipped.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recipeline.storage.sealed import verify
from recipeline.storage.temporary import clear_stale

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace: apt-get install strace"),
]

SAVE_FOLDER = """
import sys
from pathlib import Path
from recipeline.errors import RecipelineError
from recipeline.storage.disk import not_written
from recipeline.storage.sealed import sealing
from recipeline.storage.temporary import discard

folder = Path(sys.argv[1])
def save(number):
    final = folder / f"{number:06d}.ckpt"
    try:
        with sealing(final) as under_way:
            for name in ("state.ckpt", "more"):
                with (under_way.folder / name).open("wb") as file:
                    for _ in range(3):
                        file.write(bytes(300_000))
            under_way.info["number"] = number
    except OSError as error:
        print(not_written("the checkpoint", final, error, needed=1_800_000))
        sys.exit(4)
save(int(sys.argv[2]))
discard(folder / f"{int(sys.argv[2]) - 1:06d}.ckpt")
"""
SAVE_FILE = """
import sys
from pathlib import Path
from recipeline.storage.atomic import write_bytes

try:
    write_bytes(Path(sys.argv[1], "state.json"), b"new" * 100_000)
except OSError as error:
    print(f"{error.strerror}")
    sys.exit(4)
"""
CALLS = ("write", "fsync", "rename", "mkdir", "chmod", "openat", "unlink", "unlinkat", "rmdir")
FAULTS = ("signal=SIGKILL", "error=ENOSPC", "error=EIO")


def call(script: Path, *arguments: object, inject: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script; with a fault at one of its system calls on the paths below its folder."""
    command: list[object] = [sys.executable, "-B", script, *arguments]
    if inject is not None:
        command = ["strace", "-o", script.with_suffix(".log"), "-e", f"inject={inject}", *command]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, timeout=60)


def calls_of(script: Path, *arguments: object) -> dict[str, range]:
    """Of each kind of call, which ones belong to the save: those after the last import."""
    log = script.with_suffix(".count")
    command = ["strace", "-o", log, "-e", f"trace={','.join(CALLS)}", sys.executable, "-B", script, *arguments]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=60)
    seen = dict.fromkeys(CALLS, 0)
    found: dict[str, list[int]] = {name: [] for name in CALLS}
    for line in log.read_text().splitlines():
        name = line.partition("(")[0]
        if name in seen:
            seen[name] += 1
            if str(arguments[0]) in line or name in ("write", "fsync"):
                found[name].append(seen[name])
    return {name: range(places[0], places[-1] + 1) for name, places in found.items() if places}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_sealed_folder_is_the_old_or_the_new_one(fault, tmp_path, counted):
    script, folder = tmp_path / "save.py", tmp_path / "checkpoints"
    script.write_text(SAVE_FOLDER)
    assert call(script, folder, 1).returncode == 0
    shutil.copytree(folder, tmp_path / "start")
    points = 0
    for name, places in calls_of(script, folder, 2).items():
        for place in places:
            shutil.rmtree(folder)
            shutil.copytree(tmp_path / "start", folder)
            done = call(script, folder, 2, inject=f"{name}:{fault}:when={place}")
            log = script.with_suffix(".log").read_text()
            assert "INJECTED" in log or "SIGKILL" in log, f"{name} {place} was not reached"
            points += 1
            what = f"{name} number {place}: {done.returncode} {done.stdout} {done.stderr}"
            clear_stale(folder)
            left = sorted(folder.iterdir())
            assert left, what
            assert {path.name for path in left} <= {"000001.ckpt", "000002.ckpt"}, what
            assert all(verify(path) for path in left), what
            if fault == "signal=SIGKILL":
                assert done.returncode in (-9, 137), what
            elif done.returncode == 4:
                reason = "No space left on device" if "ENOSPC" in fault else "Input/output error"
                assert f"{folder}/000002.ckpt: the checkpoint can't be written: {reason}" in done.stdout, what
                assert "1,800,000 bytes needed" in done.stdout, what
                assert folder / "000001.ckpt" in left, what
    assert points >= 15
    counted(f"{fault} at {points} of {points} system calls of saving a folder: the old or the new one")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_has_the_old_content_or_the_new(fault, tmp_path, counted):
    script, folder = tmp_path / "save.py", tmp_path / "folder"
    script.write_text(SAVE_FILE)
    folder.mkdir()
    points = 0
    for name, places in calls_of(script, folder).items():
        for place in places:
            (folder / "state.json").write_bytes(b"old")
            done = call(script, folder, inject=f"{name}:{fault}:when={place}")
            points += 1
            clear_stale(folder)
            assert [path.name for path in folder.iterdir()] == ["state.json"], f"{name} {place}"
            content = (folder / "state.json").read_bytes()
            assert content in (b"old", b"new" * 100_000), f"{name} {place}"
            assert done.returncode in (-9, 137) if "KILL" in fault else done.returncode in (0, 4), done.stderr
    assert points >= 5
    counted(f"{fault} at {points} of {points} system calls of saving a file: the old content or the new")


FULL_DISK = """
import sys
from recipeline import runner
from recipeline.cli.main import main
runner.STAGES = ("read", "split", "preprocess", "build", "fit", "evaluate")
sys.exit(main(sys.argv[1:]))
"""
RECIPE = """
name: full
seed: 1
data: {source: {type: sample, dataset: iris}, target: species}
architecture: {type: mlp, hidden: [WIDTH]}
training: {epochs: 3, batch_size: 50, accelerator: cpu, checkpoint: {epochs: 1}}
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root: a small tmpfs is mounted")
def test_a_disk_that_fills_up_leaves_the_last_good_checkpoint(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", small], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("needs to mount a small tmpfs, which is not allowed here")
    try:
        # Adam's state and the weights of one checkpoint take 1.9 MB: three folders fit, and the fourth does not.
        (tmp_path / "full.yaml").write_text(RECIPE.replace("WIDTH", "20000"))
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")},
            "RECIPELINE_HOME": str(small),
            "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
        }
        command = [sys.executable, "-c", FULL_DISK]
        done = subprocess.run(
            [*command, "run", "full.yaml"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 4, done.stderr
        assert ".ckpt: the checkpoint can't be written: No space left on device (found " in done.stderr
        assert " bytes needed, " in done.stderr
        (run,) = (small / "runs").iterdir()
        shutil.rmtree(run / "outbox", ignore_errors=True)
        shutil.rmtree(small / "cache")
        subprocess.run(["mount", "-o", "remount,size=60m", small], check=True)
        done = subprocess.run(
            [*command, "resume", "full"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "going on after epoch " in done.stderr
    finally:
        subprocess.run(["umount", small], check=True)
