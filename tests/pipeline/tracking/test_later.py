"""What is noted is written once, in its order, soon, and when it is asked for at once."""

import threading
import time

import pytest

from recipeline.tracking import later
from recipeline.tracking.later import Later


def until(condition, seconds=5.0):
    limit = time.monotonic() + seconds
    while not condition() and time.monotonic() < limit:
        time.sleep(0.002)
    assert condition()


@pytest.fixture
def made():
    boxes = []

    def make(write):
        boxes.append(Later(write))
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


def test_it_is_written_soon_by_another_thread_and_several_at_once(made):
    found = []
    box = made(lambda items: found.append((threading.current_thread().name, items)))
    for number in range(5):
        box.add(number)
    until(lambda: found)
    until(lambda: sum(len(items) for _, items in found) == 5)
    assert {name for name, _ in found} == {"recipeline-journal"}
    assert [item for _, items in found for item in items] == [0, 1, 2, 3, 4]
    assert len(found) < 3


def test_who_asks_has_all_of_it_written_at_once(made, monkeypatch):
    monkeypatch.setattr(later, "DELAY_S", 30)
    found = []
    box = made(found.append)
    box.add(1)
    box.add(2)
    assert found == []
    box.catch_up()
    box.catch_up()
    assert found == [[1, 2]]


def test_who_asks_while_it_is_being_written_waits_for_that(made):
    begun, go_on, found = threading.Event(), threading.Event(), []

    def slow(items):
        begun.set()
        go_on.wait(5)
        found.extend(items)

    box = made(slow)
    box.add(1)
    assert begun.wait(5)
    threading.Timer(0.05, go_on.set).start()
    box.catch_up()
    assert found == [1]


def test_the_thread_sleeps_when_nothing_comes_and_wakes_when_something_does(made, monkeypatch):
    monkeypatch.setattr(later, "DELAY_S", 0.001)
    monkeypatch.setattr(later, "IDLE", 3)
    found = []
    box = made(found.extend)
    for number in range(20):
        box.add(number)
        until(lambda: len(found) == number + 1)  # noqa: B023 - called at once
        until(lambda: not box._awake)
    assert found == list(range(20))


def test_nothing_is_lost_or_written_twice_whoever_writes(made, monkeypatch):
    monkeypatch.setattr(later, "DELAY_S", 0.0001)
    monkeypatch.setattr(later, "IDLE", 1)
    found = []
    box = made(found.extend)
    for number in range(3000):
        box.add(number)
        if number % 7 == 0:
            box.catch_up()
            assert found == list(range(number + 1))
    box.close()
    assert found == list(range(3000))


def test_closing_writes_what_waits_and_ends_the_thread(made, monkeypatch):
    monkeypatch.setattr(later, "DELAY_S", 30)
    found = []
    box = made(found.extend)
    box.add(1)
    began = time.monotonic()
    box.close()
    assert time.monotonic() - began < 5
    assert found == [1]
    assert not [thread for thread in threading.enumerate() if thread is box._thread]
    box.add(2)
    box.catch_up()
    assert found == [1, 2]
