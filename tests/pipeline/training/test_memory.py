"""The memory that is free is the least of what machine, container and limits leave."""

import pytest

from recipeline.training import memory
from recipeline.training.memory import UNKNOWN, all_bytes, available_bytes

MEG = 1024**2


@pytest.fixture
def root(tmp_path):
    def write(path: str, text: str) -> None:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("proc/meminfo", f"MemTotal: {900 * 1024} kB\nMemAvailable:   {400 * 1024} kB\n")
    write.path = tmp_path
    return write


def test_the_machine_says_what_is_available(root):
    assert available_bytes(root.path) == 400 * MEG


def test_a_container_of_version_2_leaves_its_limit_less_what_is_taken_for_good(root):
    root("proc/self/cgroup", "0::/batch/one\n")
    root("sys/fs/cgroup/batch/one/memory.max", "max\n")
    root("sys/fs/cgroup/batch/one/memory.current", f"{10 * MEG}\n")
    root("sys/fs/cgroup/batch/memory.max", f"{300 * MEG}\n")
    root("sys/fs/cgroup/batch/memory.current", f"{250 * MEG}\n")
    root("sys/fs/cgroup/batch/memory.stat", f"anon 1\ninactive_file {50 * MEG}\n")
    assert available_bytes(root.path) == 100 * MEG


def test_a_container_sees_its_limit_at_the_top(root):
    root("proc/self/cgroup", "0::/kubepods/pod1\n")
    root("sys/fs/cgroup/memory.max", f"{200 * MEG}\n")
    root("sys/fs/cgroup/memory.current", f"{80 * MEG}\n")
    assert available_bytes(root.path) == 120 * MEG


def test_a_container_of_version_1(root):
    root("proc/self/cgroup", "12:cpu:/\n5:memory:/docker/abc\n")
    root("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", f"{90 * MEG}\n")
    root("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", f"{30 * MEG}\n")
    assert available_bytes(root.path) == 60 * MEG


def test_the_limits_of_the_process_count(root, monkeypatch):
    import resource

    limits = {resource.RLIMIT_AS: 100 * MEG, resource.RLIMIT_DATA: resource.RLIM_INFINITY}
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits[kind], limits[kind]))
    monkeypatch.setattr(memory.os, "sysconf", lambda name: MEG)
    root("proc/self/statm", "30 20 5 1 0 9 0\n")
    assert available_bytes(root.path) == 70 * MEG
    limits[resource.RLIMIT_DATA] = 40 * MEG
    assert available_bytes(root.path) == 31 * MEG


def test_what_nobody_says_is_taken_for_some(tmp_path, monkeypatch):
    def unknown(name):
        raise ValueError(name)

    monkeypatch.setattr(memory.os, "sysconf", unknown)
    monkeypatch.setattr(memory, "_own_limits", lambda root: iter(()))
    assert available_bytes(tmp_path) == UNKNOWN


def test_what_there_is_in_all_is_the_machines_or_the_containers_limit(root):
    assert all_bytes(root.path) == 900 * MEG
    root("proc/self/cgroup", "0::/batch/one\n")
    root("sys/fs/cgroup/batch/memory.max", f"{300 * MEG}\n")
    root("sys/fs/cgroup/batch/memory.current", f"{250 * MEG}\n")
    assert all_bytes(root.path) == 300 * MEG
