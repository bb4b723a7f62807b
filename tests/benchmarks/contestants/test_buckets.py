import json
import sys
import time
from pathlib import Path

import pytest

CONTESTANTS = Path(__file__).parents[3] / "benchmarks" / "contestants"


@pytest.fixture
def buckets(monkeypatch):
    monkeypatch.syspath_prepend(str(CONTESTANTS))
    import buckets

    yield buckets.Buckets()
    sys.modules.pop("buckets")


def busy(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def test_time_within_another_call_counts_for_the_inner_one(buckets, tmp_path):
    forward = buckets.timed("forward", lambda: busy(0.02))

    def loss():
        forward()
        busy(0.01)

    buckets.start()
    buckets.timed("loss", loss)()
    busy(0.005)
    buckets.trained()
    busy(0.01)
    buckets.end()
    buckets.write(tmp_path / "found.json", steps=1)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["forward"] == pytest.approx(20_000, rel=0.3)
    assert found["loss"] == pytest.approx(10_000, rel=0.3)
    assert found["bookkeeping"] == pytest.approx(5_000, rel=0.5)
    assert found["train"] == pytest.approx(35_000, rel=0.3)
    assert found["validation and epoch's end"] == pytest.approx(10_000, rel=0.5)


def test_an_iterator_gives_the_same_items(buckets):
    assert list(buckets.timed_iterator([1, 2, 3])) == [1, 2, 3]
    assert buckets.spent["batches"] > 0


def test_the_first_epoch_is_not_counted(buckets):
    for seconds in (0.05, 0.01):
        buckets.start()
        buckets.timed("forward", busy)(seconds)
        buckets.trained()
    assert buckets.per_step(10)["forward"] == pytest.approx(1_000, rel=0.3)
