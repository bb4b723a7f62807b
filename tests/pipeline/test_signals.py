import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from recipeline.errors import Interrupted
from recipeline.signals import deferring, interruptions


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_becomes_an_exception_with_the_shells_code(number, code):
    def interrupted() -> None:
        with interruptions():
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted) as caught:
        interrupted()
    assert caught.value.code == code


def test_a_second_signal_does_not_disturb_the_putting_away():
    put_away = []

    def interrupted() -> None:
        with interruptions():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                put_away.append("all")

    with pytest.raises(Interrupted):
        interrupted()
    assert put_away == ["all"]


def test_the_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with interruptions():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_outside_the_main_thread_nothing_is_changed():
    done = []

    def elsewhere() -> None:
        with interruptions():
            done.append(True)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert done == [True]


CHILD = """
import sys, time
from pathlib import Path
from recipeline.signals import die_with_parent

die_with_parent()
Path(sys.argv[1]).write_text("ready")
for _ in range(600):
    time.sleep(0.05)
    Path(sys.argv[2]).write_text(str(time.time()))
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', *sys.argv[1:]])"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's call for it is Linux's")
def test_a_process_ends_with_the_one_that_started_it(tmp_path):
    ready, beat = tmp_path / "ready", tmp_path / "beat"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(ready), str(beat)])
    while not beat.exists():
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    time.sleep(0.5)
    last = beat.read_text()
    time.sleep(1.0)
    assert beat.read_text() == last


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's call for it is Linux's")
def test_a_process_whose_starter_was_gone_before_it_could_ask_ends_at_once():
    orphan = "from recipeline.signals import die_with_parent; die_with_parent(1); print('goes on')"
    done = subprocess.run([sys.executable, "-c", orphan], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def test_a_signal_waits_for_who_asks_and_a_second_one_does_not():
    before = signal.getsignal(signal.SIGTERM)

    def interrupted_at_a_good_moment(reached: list[str]) -> None:
        with interruptions(), deferring() as waiting:
            waiting.raise_now()
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("after")
            waiting.raise_now()
            reached.append("never")

    def interrupted_at_the_end(reached: list[str]) -> None:
        with interruptions():
            with deferring():
                os.kill(os.getpid(), signal.SIGTERM)
                reached.append("after")
            reached.append("never")

    def interrupted_twice(reached: list[str]) -> None:
        with interruptions(), deferring():
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("after")
            os.kill(os.getpid(), signal.SIGTERM)
            reached.append("never")

    for call in (interrupted_at_a_good_moment, interrupted_at_the_end, interrupted_twice):
        reached: list[str] = []
        with pytest.raises(Interrupted) as caught:
            call(reached)
        assert reached == ["after"]
        assert caught.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
