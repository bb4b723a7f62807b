"""Build chooses what goes by the machine once, and a run that goes on keeps it."""

import json
from types import SimpleNamespace

import pytest

from recipeline import runner
from recipeline.catalog import installed
from recipeline.hooks import RunContext
from recipeline.recipe.load import load_recipe
from recipeline.stages import build
from recipeline.stages.job import Job
from recipeline.stages.read import complete
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.observer import Observer

RECIPE = """
name: iris
data: {source: {type: sample, dataset: iris}, target: species}
architecture: linear
training: {epochs: 2, batch_size: 16}
reports: []
"""


class Notes(Observer):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize(("memory", "windows"), [(10**9, []), (1000, [36, 2])], ids=["enough memory", "too little"])
def test_rows_that_memory_does_not_hold_are_shuffled_by_windows(tmp_path, monkeypatch, memory, windows):
    (tmp_path / "iris.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "all_bytes", lambda: memory)
    monkeypatch.setattr("recipeline.data.windows.BLOCK_BYTES", 24 * 36)
    monkeypatch.setattr(runner, "STAGES", runner.STAGES[:5])  # up to the training
    monkeypatch.setattr("recipeline.serving.fresh.at_the_start", lambda _: None)  # as for large data
    chosen = []
    choose = build._choose_windows
    monkeypatch.setattr(build, "_choose_windows", lambda job: chosen.append(job) or choose(job))
    watching = Notes()
    result = runner.run(load_recipe(tmp_path / "iris.yaml"), observer=watching)
    assert result.status == "FINISHED"
    assert any("shuffled among 72 at a time" in note for note in watching.notes) == bool(windows)
    assert chosen[0].memo.windows == windows
    assert (chosen[0].fresh is None) == bool(windows)  # memory that is short is not shared while training
    assert json.loads(json.dumps(chosen[0].memo.environment()))["windows"] == windows

    monkeypatch.setattr(build, "all_bytes", lambda: 10**9 if windows else 1000)  # it goes on elsewhere
    before = chosen[0].datamodule.windows
    chosen[0].datamodule.windows = None
    choose(chosen[0])
    assert chosen[0].datamodule.windows == before


@pytest.mark.parametrize(
    ("asked", "memory", "cores", "count", "said"),
    [
        ("auto", 10**9, 8, 0, "0 (the train rows are in memory)"),
        ("auto", 1000, 8, 4, "4 (the train rows are more than half of the memory, and there are 8 cores)"),
        ("auto", 1000, 2, 0, "0 (the train rows are more than half of the memory, and there are 2 cores)"),
        ("2", 10**9, 8, 2, "2"),
        ("0", 1000, 8, 0, "0"),
    ],
)
def test_workers_are_as_many_as_asked_for_or_as_the_memory_calls_for(
    asked, memory, cores, count, said, tmp_path, monkeypatch
):
    (tmp_path / "iris.yaml").write_text(RECIPE)
    recipe = load_recipe(tmp_path / "iris.yaml", [f"training.workers={asked}"])
    datamodule = RecipeDataModule(recipe, tmp_path / "cache", complete)
    monkeypatch.setattr(build, "all_bytes", lambda: memory)
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    warmed, tags, watching = [], {}, Notes()
    monkeypatch.setattr(build, "warm_up", lambda: warmed.append(1))
    job = Job(recipe, installed(), tmp_path, tmp_path, watching, RunContext(recipe, tmp_path), datamodule=datamodule)
    job.run = SimpleNamespace(set_tags=tags.update)
    build._choose_workers(job)
    assert datamodule.workers == count
    assert tags == {"recipeline.workers": said}
    assert bool(warmed) == (count > 0)
    assert watching.notes == ([f"training.workers is {said}."] if asked == "auto" and memory == 1000 else [])
