"""Nothing that is put in is lost, twice, or waited for."""

import threading
import time

import pytest

from recipeline.tracking import outbox
from recipeline.tracking.outbox import PIECE, Outbox, Refused
from recipeline.tracking.rows import MetricRow, ParamRow, TagRow


def metrics(count, key="m"):
    return [MetricRow(key, float(number), 1000 + number, number) for number in range(count)]


@pytest.fixture
def made():
    boxes = []

    def make(send, **settings):
        boxes.append(Outbox(send, **{"pause_s": 0.01, "first_wait_s": 0.01, "longest_wait_s": 0.05, **settings}))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close(0.1)


def test_rows_arrive_in_order_and_in_batches_that_mlflow_takes(made):
    batches = []
    box = made(batches.append, pause_s=10.0)
    box.put([ParamRow(f"p{n}", "1") for n in range(130)] + metrics(2500) + [TagRow("t", "1")])
    assert box.flush(10)
    assert [row for batch in batches for row in batch][130:2630] == metrics(2500)
    assert sum(len(batch) for batch in batches) == 2631 == box.sent
    for batch in batches:
        assert len(batch) <= 1000
        assert sum(not isinstance(row, MetricRow) for row in batch) <= 100


def test_batches_are_small_while_nobody_waits_for_the_end(made):
    sizes, on = [], threading.Event()

    def send(batch):
        on.wait(5)
        sizes.append(len(batch))

    box = made(send, pause_s=10.0)
    box.put(metrics(2500))
    on.set()
    limit = time.monotonic() + 5
    while sum(sizes) < 2400 and time.monotonic() < limit:
        time.sleep(0.01)
    assert sizes == [PIECE] * 12
    assert box.flush(5)
    assert sizes[12:] == [100]


def test_putting_takes_no_time_while_the_store_is_slow(made):
    started = threading.Event()

    def slow(batch):
        started.set()
        time.sleep(0.5)

    box = made(slow)
    box.put(metrics(1))
    started.wait(5)
    began = time.perf_counter()
    for _ in range(100):
        box.put(metrics(10))
    assert time.perf_counter() - began < 0.1


def test_rows_gather_before_they_are_sent(made):
    batches = []
    box = made(batches.append, pause_s=0.3)
    for _ in range(5):
        box.put(metrics(2))
        time.sleep(0.01)
    assert box.flush(5)
    assert len(batches) == 1


def test_rows_are_made_to_last_while_they_gather(made, monkeypatch):
    monkeypatch.setattr(outbox, "BEAT_S", 0.02)
    batches, beats = [], []
    box = made(batches.append, pause_s=0.3, beat=lambda: beats.append(len(batches)))
    box.put(metrics(2))
    assert box.flush(5)
    box.put(metrics(2))
    time.sleep(0.15)
    assert len(batches) == 1
    assert beats.count(1) >= 3


def test_as_many_rows_as_a_request_holds_do_not_wait_for_more(made):
    batches = []
    box = made(batches.append, pause_s=30.0)
    box.put(metrics(PIECE))
    limit = time.monotonic() + 5
    while not batches and time.monotonic() < limit:
        time.sleep(0.01)
    assert [len(batch) for batch in batches] == [PIECE]


def test_a_failure_is_tried_again_with_the_same_rows(made):
    tries = []

    def fails_twice(batch):
        tries.append(list(batch))
        if len(tries) < 3:
            raise ConnectionError("no route")

    box = made(fails_twice)
    box.put(metrics(3))
    assert box.flush(5)
    assert tries == [metrics(3)] * 3
    assert (box.failures, box.trouble, box.sent) == (2, None, 3)


def test_what_can_not_be_sent_is_kept_and_said(made):
    def never(batch):
        raise ConnectionError("no route")

    box = made(never)
    box.put(metrics(3))
    began = time.perf_counter()
    assert not box.close(0.3)
    assert time.perf_counter() - began < 2
    assert len(box) == 3
    assert box.trouble == "ConnectionError: no route"


def test_what_is_refused_is_put_aside_and_the_rest_goes_on(made):
    taken = []

    def particular(batch):
        if any(row.key == "bad" for row in batch):
            raise Refused("no such key")
        taken.extend(batch)

    box = made(particular)
    rows = [*metrics(10), MetricRow("bad", 1.0, 5, 5), *metrics(10, "n"), ParamRow("bad", "x")]
    box.put(rows)
    assert box.flush(5)
    assert taken == [row for row in rows if row.key != "bad"]
    assert [(row.key, why) for row, why in box.refused] == [("bad", "no such key")] * 2
    assert box.sent == 20


def test_an_empty_box_closes_at_once(made):
    box = made(lambda batch: None)
    assert box.flush(1)
    assert box.close(1)
    assert box.close(1)
