"""What one step frees, the next one takes again, without asking the system for it."""

import ctypes
import os
from pathlib import Path

import pytest
import torch

from recipeline.training import allocator
from recipeline.training.allocator import give_back, keeping_memory

resource = pytest.importorskip("resource")
has_glibc = "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {})
pytestmark = pytest.mark.skipif(not has_glibc, reason="glibc alone gives memory back so soon")


def steps(count: int) -> int:
    """Pages that the system has handed out while so many steps took 120 MB each, in blocks, and freed them."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        blocks = [torch.ones(3_000_000) for _ in range(10)]
        del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_what_a_step_frees_the_next_one_takes():
    with keeping_memory():
        steps(2)
        again = steps(5)
    assert again < 5 * 120_000_000 / os.sysconf("SC_PAGE_SIZE") / 10


def test_it_is_given_back_at_the_end():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    with keeping_memory():
        steps(1)
        within = resident()
    assert within - resident() > 80_000_000


def test_what_is_free_is_given_back_when_asked():
    blocks = [b"x" * 100_000 for _ in range(800)]  # of the heap, not mapped
    kept = blocks.pop()  # at its end
    del blocks
    before = int(Path("/proc/self/statm").read_text().split()[1])
    give_back()
    assert (before - int(Path("/proc/self/statm").read_text().split()[1])) * os.sysconf("SC_PAGE_SIZE") > 60_000_000
    assert len(kept) == 100_000


@pytest.mark.parametrize("name", allocator.SET_BY_USER)
def test_what_the_user_has_set_stays(name, monkeypatch):
    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(allocator, "_glibc", Refusing)
    with keeping_memory():
        pass


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(os, "confstr", lambda name: None)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_: pytest.fail("it was opened"))
    with keeping_memory():
        pass


class Refusing:
    """A library that wants nothing set."""

    def mallopt(self, *_: int) -> None:
        pytest.fail("something was set")
