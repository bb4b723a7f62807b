import subprocess
import sys
import time

import pytest
from measuring.memory_limit import NoLimit, limited

HOLD = "held = bytearray({} * 2**20)"


def holds(before, megabytes):
    command = [*before, sys.executable, "-c", HOLD.format(megabytes)]
    return subprocess.run(command, capture_output=True).returncode == 0


def test_more_than_the_limit_is_not_to_be_had():
    try:
        with limited(100) as before:
            assert holds(before, 50)
            assert not holds(before, 200)
    except NoLimit as reason:
        pytest.skip(str(reason))
    assert holds([], 200)


def test_what_is_left_in_the_group_ends_with_it():
    try:
        with limited(100) as before:
            left = subprocess.Popen([*before, sys.executable, "-c", "import time; time.sleep(60)"])
            time.sleep(0.3)
    except NoLimit as reason:
        pytest.skip(str(reason))
    if before[0] == "sh":  # a scope of systemd ends with its command
        assert left.wait(5) == -9
    left.kill()
    left.wait()
