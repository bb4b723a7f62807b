"""How busy the machine is while a run is under way, measured by MLflow's own monitors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any


class SystemWatch:
    """Samples CPU, memory, disk, network and GPU from a thread, and hands the numbers over."""

    def __init__(self, log: Callable[[Mapping[str, float], int], None], interval_s: float) -> None:
        self._log = log
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="recipeline-system", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> None:
        """Take a last sample and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _work(self) -> None:
        monitors = _monitors()
        step = 0
        while True:
            ended = self._stop.wait(self._interval_s)
            numbers: dict[str, float] = {}
            for monitor in monitors:
                try:
                    monitor.collect_metrics()
                    numbers.update(monitor.aggregate_metrics())
                    monitor.clear_metrics()
                except Exception:  # a sensor that fails is no reason to disturb a training
                    continue
            self._log(numbers, step)
            step += 1
            if ended:
                return


def _monitors() -> list[Any]:
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    try:
        monitors.append(GPUMonitor())
    except Exception:  # no NVIDIA library, or no GPU
        return monitors
    return monitors
