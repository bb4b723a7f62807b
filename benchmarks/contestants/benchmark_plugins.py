"""What the benchmarks plug into `recipeline run`, as any distribution could: a stopwatch, and a network of their own.

`measuring.recipes` makes the distribution. Without the environment variable that names a file there is no stopwatch.
"""

from __future__ import annotations

import os

from recipeline import PluginReference, hookimpl


@hookimpl
def recipeline_plugins():
    return [
        PluginReference("architecture", "benchmark_transformer", "medium_plugins:BenchmarkTransformer"),
        PluginReference("preprocessing", "benchmark_tokens", "medium_plugins:BenchmarkTokens"),
    ]


@hookimpl
def recipeline_callbacks():
    found = []
    if "BENCHMARK_EPOCHS" in os.environ:
        from stopwatch import Stopwatch

        found.append(Stopwatch(os.environ["BENCHMARK_EPOCHS"]))
    if "BENCHMARK_METRICS_PER_SECOND" in os.environ:
        from busy_logging import BusyLogging

        rate, block = os.environ["BENCHMARK_METRICS_PER_SECOND"], os.environ["BENCHMARK_EPOCHS_A_BLOCK"]
        found.append(BusyLogging(float(rate), int(block)))
    if "BENCHMARK_BUCKETS" in os.environ:
        from buckets_callback import FillBuckets

        found.append(FillBuckets(os.environ["BENCHMARK_BUCKETS"]))
    return found
