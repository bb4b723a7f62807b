"""An interpreter of its own, and what it says when the model does not load there."""

import json
import subprocess
import sys

import pytest

from recipeline.errors import RecipelineError
from recipeline.serving import fresh
from recipeline.serving.fresh import GAVE_UP, FreshInterpreter


def test_a_model_that_does_not_load_there_is_a_fault_with_its_last_words(tmp_path):
    with FreshInterpreter() as started, pytest.raises(RecipelineError, match=r"fresh interpreter \(found .*model"):
        started.ask(tmp_path)


def test_it_ends_with_the_block_even_if_nobody_has_asked():
    with FreshInterpreter() as started:
        process = started._process
        assert process.poll() is None
    assert process.poll() is not None
    started.__exit__()  # a second time, as when the one who was handed it has ended it


def test_it_gives_up_waiting_and_another_one_is_asked(tmp_path, monkeypatch):
    with FreshInterpreter() as started:
        monkeypatch.setattr(started._process, "poll", lambda: GAVE_UP)
        started.close()
        first = started._process
        started.wake()
        assert started._process is not first
        assert started._process.poll() is None
        second = started._process
        started.wake()  # this one waits still
        assert started._process is second


def test_waiting_has_an_end():
    code = (
        "import recipeline.serving.fresh as f; f.PATIENCE_S = 0.01; from recipeline.serving import check; check.main()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as waiting:
        assert waiting.wait(timeout=60) == GAVE_UP


def test_it_computes_with_the_threads_of_whoever_asks(tmp_path):
    code = "import torch; torch.set_num_threads = print; from recipeline.serving import check; check.main()"
    asked = json.dumps({"folder": str(tmp_path), "threads": 3}) + "\n"
    done = subprocess.run([sys.executable, "-c", code], input=asked, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["3"]


@pytest.mark.parametrize(("size", "early"), [(3, True), (4, True), (5, False)])
def test_large_data_are_read_before_it_starts(size, early, tmp_path, monkeypatch):
    monkeypatch.setattr(fresh, "LARGE_BYTES", 4)
    started = []
    monkeypatch.setattr(fresh, "FreshInterpreter", lambda: started.append(1) or "started")
    (tmp_path / "data.csv").write_bytes(b"x" * size)
    assert fresh.at_the_start(str(tmp_path / "data.csv")) == ("started" if early else None)
    assert fresh.at_the_start(str(tmp_path)) is None  # many files, of whatever size
    assert fresh.at_the_start("penguins") == "started"
    assert len(started) == 1 + early
