"""Build chooses what goes by the machine once, and a run that goes on keeps it."""

import json

import pytest

from recipeline import runner
from recipeline.recipe.load import load_recipe
from recipeline.stages import build
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
    chosen = []
    choose = build._choose_windows
    monkeypatch.setattr(build, "_choose_windows", lambda job: chosen.append(job) or choose(job))
    watching = Notes()
    result = runner.run(load_recipe(tmp_path / "iris.yaml"), observer=watching)
    assert result.status == "FINISHED"
    assert any("shuffled among 72 at a time" in note for note in watching.notes) == bool(windows)
    assert chosen[0].memo.windows == windows
    assert json.loads(json.dumps(chosen[0].memo.environment()))["windows"] == windows

    monkeypatch.setattr(build, "all_bytes", lambda: 10**9 if windows else 1000)  # it goes on elsewhere
    before = chosen[0].datamodule.windows
    chosen[0].datamodule.windows = None
    choose(chosen[0])
    assert chosen[0].datamodule.windows == before
