import subprocess

import pytest
from measuring import peers
from measuring.peers import NotHere, python_of


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "recipeline-benchmarks"


def test_made_once_outside_the_repository(monkeypatch, cache):
    made = []
    monkeypatch.setattr(peers, "_install", lambda *arguments: made.append(arguments[2:]))
    first = python_of("keras")
    assert python_of("keras") == first
    assert cache in first.parents
    assert made == [("keras", "keras")]


def test_one_that_can_not_be_installed_is_left_out_with_the_reason_and_not_tried_again(monkeypatch):
    tried = []

    def refuse(*_):
        tried.append(1)
        raise subprocess.CalledProcessError(1, "pip", stderr="Looking...\nERROR: No matching distribution\n")

    monkeypatch.setattr(peers, "_install", refuse)
    with pytest.raises(NotHere, match="ERROR: No matching distribution"):
        python_of("ludwig")
    with pytest.raises(NotHere, match=r"No matching distribution; to try again, delete .*ludwig"):
        python_of("ludwig")
    assert len(tried) == 1


def test_one_that_takes_too_long_is_left_out(monkeypatch):
    def slow(*_):
        raise subprocess.TimeoutExpired("pip", 600)

    monkeypatch.setattr(peers, "_install", slow)
    with pytest.raises(NotHere, match="it took more than 600 s"):
        python_of("fastai")
