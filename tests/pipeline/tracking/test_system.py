"""The machine is sampled from a thread, and a last time at the end."""

import time

from recipeline.tracking.system import SystemWatch


def test_samples_come_at_intervals_and_at_the_end():
    samples = []
    watch = SystemWatch(lambda numbers, step: samples.append((dict(numbers), step)), 0.05)
    watch.start()
    limit = time.monotonic() + 20
    while len(samples) < 2 and time.monotonic() < limit:
        time.sleep(0.01)
    watch.stop()
    taken = len(samples)
    time.sleep(0.15)
    assert len(samples) == taken >= 3
    assert [step for _, step in samples] == list(range(taken))
    assert all("cpu_utilization_percentage" in numbers for numbers, _ in samples)
