"""A dead run is known, and a living one is never taken for dead."""

import json
import os
import platform
import subprocess
import sys

import pytest

from recipeline.errors import UnsafeError
from recipeline.tracking import alive

HOLDER = """
import sys, time
from pathlib import Path
from recipeline.tracking.alive import Alive
held = Alive(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def said(folder):
    return json.loads((folder / alive.FILE).read_text())


@pytest.fixture
def left(tmp_path):
    """What a process leaves that was killed."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "r")], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert alive.state(tmp_path / "r") == "living"
        process.kill()
    return tmp_path / "r"


def test_this_process_lives_until_it_says_otherwise(tmp_path):
    held = alive.Alive(tmp_path)
    assert alive.state(tmp_path) == "living"
    held.release()
    assert alive.state(tmp_path) == "ended"
    held.release()


def test_a_killed_process_is_dead(left):
    assert alive.state(left) == "dead"


def test_a_pid_that_another_process_has_by_now_is_not_the_run(left):
    content = said(left)
    content["pid"] = os.getpid()
    (left / alive.FILE).write_text(json.dumps(content))
    assert alive.state(left) == "dead"


def test_a_process_that_lives_counts_even_without_its_lock(left):
    (left / alive.FILE).write_text(json.dumps(alive._myself()))
    assert alive.state(left) == "living"


def test_after_a_restart_no_pid_counts(left):
    (left / alive.FILE).write_text(json.dumps(alive._myself() | {"boot": "another"}))
    assert alive.state(left) == "dead"


def test_of_another_machine_nothing_is_said(left):
    (left / alive.FILE).write_text(json.dumps(said(left) | {"host": f"not-{platform.node()}"}))
    assert alive.state(left) == "elsewhere"


def test_a_process_that_is_not_reaped_yet_is_dead():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert alive._started(child.pid) is None


def test_a_second_process_is_refused_and_leaves_the_first_its_place(tmp_path):
    held = alive.Alive(tmp_path / "abc")
    with pytest.raises(UnsafeError, match=rf"abc is under way in another process \(found process {os.getpid()} on"):
        alive.Alive(tmp_path / "abc")
    assert alive.state(tmp_path / "abc") == "living"
    held.release()
    alive.Alive(tmp_path / "abc").release()


def test_one_alone_sends(tmp_path):
    with alive.alone(tmp_path) as first, alive.alone(tmp_path) as second:
        assert (first, second) == (True, False)
    with alive.alone(tmp_path) as again:
        assert again
