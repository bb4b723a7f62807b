"""SLURM's requeue: a job that SIGUSR1 tells of its time's end saves, is queued again, and goes on in the same run.

`#SBATCH --signal=USR1@120` in the batch script asks for the signal two minutes before the end (`B:USR1@120` where the
command is started by `exec`). The job begins anew with the same script; the command that was interrupted in it is known
by its words, and resumes its run.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from recipeline.storage.atomic import write_text

_TIMEOUT_S = 60


def job_id() -> str | None:
    """This job's number, `ARRAY_TASK` in an array; None outside of SLURM."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    found = f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
    return found if re.fullmatch(r"[0-9]+(_[0-9]+)?", found) else None


def requeue(home: Path, run: str, words: Sequence[str] | None = None) -> str:
    """Have this job queued again and remember which run its command goes on with; what has come of it, in words.

    Args:
        home: The folder for runs under way.
        run: The name of the run's folder.
        words: The command; by default this process's own.
    """
    job = job_id()
    if job is None:
        return "SIGUSR1 asks for a place in SLURM's queue, and this is no job of SLURM"
    write_text(_marker(home, job, words), run)
    try:
        done = subprocess.run(
            ["scontrol", "requeue", job], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"the job {job} could not be queued again: {error}. Go on by hand: recipeline resume {run[:8]}"
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        return f"the job {job} could not be queued again: {said}. Go on by hand: recipeline resume {run[:8]}"
    return f"the job {job} is queued again, and will go on in this run"


def interrupted_run(home: Path, words: Sequence[str] | None = None) -> str | None:
    """The run that this very command was interrupted in, when its job has been queued again."""
    job = job_id()
    if job is None or os.environ.get("SLURM_RESTART_COUNT", "0") in ("", "0"):
        return None
    try:
        run = _marker(home, job, words).read_text().strip()
    except OSError:
        return None
    return run if run and (home / "runs" / run).is_dir() else None


def _marker(home: Path, job: str, words: Sequence[str] | None) -> Path:
    called = "\0".join(sys.argv[1:] if words is None else words)
    return home / "slurm" / f"{job}-{hashlib.sha256(called.encode()).hexdigest()[:16]}"
