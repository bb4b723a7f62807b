"""Arrays let go of their memory and not of their content."""

import mmap
from pathlib import Path

import numpy as np
import pytest

from recipeline.data.pipeline import FittedPipeline
from recipeline.data.prepared import Arrays, PreparedData
from recipeline.families.spec import InputSpec, TargetSpec


def resident_files() -> int:
    """Bytes of files in this process's memory."""
    return int(Path("/proc/self/statm").read_text().split()[2]) * mmap.PAGESIZE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux shows it")
def test_they_are_read_again_when_they_are_used(tmp_path):
    rows, width = 200_000, 50
    values = np.random.default_rng(0).random((rows, width), dtype=np.float32)
    np.save(tmp_path / "block.npy", values)
    block = np.load(tmp_path / "block.npy", mmap_mode="c")
    target, numbers = np.zeros(rows, dtype=np.int64), np.arange(rows)
    inputs, what = InputSpec({}), TargetSpec("binary", ("y",))
    data = PreparedData(
        inputs=inputs,
        target=what,
        parts={"train": Arrays((block,), target, numbers)},
        pipeline=FittedPipeline((), (), inputs, what),
        fingerprint="",
        key="",
        cache_hit=False,
    )
    assert block.sum() > 0
    before = resident_files()
    data.let_go()
    assert before - resident_files() > 0.9 * values.nbytes
    assert np.array_equal(block, values)
    assert np.array_equal(target, np.zeros(rows))
