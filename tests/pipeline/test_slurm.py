"""A job whose time is up is queued again, and its command goes on in its run."""

import os
import signal

import pytest

from recipeline import slurm
from recipeline.errors import Interrupted
from recipeline.signals import SIGUSR1, interruptions, watched

WORDS = ["run", "iris.yaml"]


@pytest.fixture
def job(monkeypatch, tmp_path):
    """A job, and a `scontrol` that notes its call."""
    for name in list(os.environ):
        if name.startswith("SLURM_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def scontrol(text):
        program = tmp_path / "bin" / "scontrol"
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)

    scontrol(f'echo "$@" > {tmp_path}/called')
    (tmp_path / "home" / "runs" / "abcdef123456").mkdir(parents=True)
    return tmp_path, scontrol


def test_it_is_queued_again_and_goes_on_in_its_run(job, monkeypatch):
    folder, _ = job
    home = folder / "home"
    said = slurm.requeue(home, "abcdef123456", WORDS)
    assert said == "the job 4711 is queued again, and will go on in this run"
    assert (folder / "called").read_text() == "requeue 4711\n"
    assert slurm.interrupted_run(home, WORDS) is None, "the job has not begun anew"
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert slurm.interrupted_run(home, WORDS) == "abcdef123456"
    assert slurm.interrupted_run(home, ["run", "other.yaml"]) is None
    monkeypatch.setenv("SLURM_JOB_ID", "4712")
    assert slurm.interrupted_run(home, WORDS) is None
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    (home / "runs" / "abcdef123456").rmdir()
    assert slurm.interrupted_run(home, WORDS) is None, "it has finished"


def test_a_task_of_an_array_is_queued_by_itself(job, monkeypatch):
    folder, _ = job
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4700")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    slurm.requeue(folder / "home", "abcdef123456", WORDS)
    assert (folder / "called").read_text() == "requeue 4700_3\n"


def test_what_slurm_refuses_is_said_with_the_way_on(job):
    folder, scontrol = job
    scontrol("echo Requeue is disabled >&2; exit 1")
    said = slurm.requeue(folder / "home", "abcdef123456", WORDS)
    assert said == (
        "the job 4711 could not be queued again: Requeue is disabled. Go on by hand: recipeline resume abcdef12"
    )
    (folder / "bin" / "scontrol").unlink()
    assert "No such file" in slurm.requeue(folder / "home", "abcdef123456", WORDS)


def test_a_number_that_is_none_is_handed_to_nobody(job, monkeypatch):
    folder, _ = job
    monkeypatch.setenv("SLURM_JOB_ID", "1; rm -rf /")
    assert "no job of SLURM" in slurm.requeue(folder / "home", "abcdef123456", WORDS)
    assert not (folder / "called").exists()


def test_the_signal_counts_in_a_job_alone(job, monkeypatch):
    assert signal.SIGUSR1 == SIGUSR1

    def interrupted():
        with interruptions():
            os.kill(os.getpid(), signal.SIGUSR1)

    with pytest.raises(Interrupted, match="SIGUSR1") as caught:
        interrupted()
    assert caught.value.code == 138
    monkeypatch.delenv("SLURM_JOB_ID")
    assert signal.SIGUSR1 not in watched()
