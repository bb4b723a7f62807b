"""Which process of a distributed training was lost, and what it has said of it."""

import subprocess
import sys
import time

import pytest
import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments import LightningEnvironment
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from recipeline.errors import EnvironmentFault, Problem, TrainingError
from recipeline.training import ranks
from recipeline.training.ranks import Launcher, is_broken, launcher_of, leave_word, look_after, read_word

BROKEN = RuntimeError("[gloo/transport/tcp/pair.cc:537] Connection closed by peer [127.0.0.1]:1")
KILLED = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"


def same(text):
    return text


@pytest.fixture
def launcher(tmp_path):
    """One whose further processes run these scripts."""
    made = Launcher(LightningEnvironment(), 3, 1)
    made.folder = tmp_path / "0123456789"
    made.folder.mkdir()

    def of(*scripts):
        made.num_processes = len(scripts) + 1
        made.procs = [subprocess.Popen([sys.executable, "-S", "-c", script]) for script in scripts]
        return made

    yield of
    for process in made.procs:
        process.kill()
        process.wait()


def ended(launcher, number=1):
    launcher.procs[number - 1].wait(timeout=20)


def test_a_killed_process_is_named(launcher):
    made = launcher("import time; time.sleep(60)", KILLED)
    ended(made, 2)
    lost = made.loss()
    assert isinstance(lost, EnvironmentFault)
    assert str(lost) == (
        f"process 3 of 3 (rank 2) was ended by SIGKILL, and the others can't go on without it (found pid "
        f"{made.procs[1].pid}). The system does that when memory runs out: its log says so. "
        "Go on from the last checkpoint with: recipeline resume 01234567"
    )


def test_one_that_ends_without_a_word_is_named(launcher):
    made = launcher("raise SystemExit(7)")
    ended(made)
    assert "process 2 of 2 (rank 1) ended by itself with exit code 7, and the others" in str(made.loss())


def test_none_is_lost_while_all_live_or_have_done_their_part(launcher):
    made = launcher("import time; time.sleep(60)", "")
    ended(made, 2)
    assert made.loss() is None


def test_what_a_process_has_said_is_what_is_raised_not_what_followed_from_it(launcher):
    made = launcher("raise SystemExit(1)", "raise SystemExit(1)")
    ended(made), ended(made, 2)
    leave_word(made.folder, 1, BROKEN, same)
    error = TrainingError(Problem("the loss is no longer a finite number", found="first in the loss itself"))
    leave_word(made.folder, 2, error, lambda text: text.replace("loss itself", "***"))
    lost = made.loss()
    assert type(lost) is TrainingError
    assert str(lost) == "process 3 of 3 (rank 2): the loss is no longer a finite number (found first in the ***)."


def test_a_fault_of_ours_stays_one(launcher):
    made = launcher("raise SystemExit(1)")
    ended(made)
    leave_word(made.folder, 1, KeyError("x"), same)
    lost = made.loss()
    assert lost.exit_code == 1
    assert str(lost) == "process 2 of 2 (rank 1): KeyError: 'x'."


def test_a_broken_connection_waits_for_who_broke_it_and_ends_the_others(launcher):
    made = launcher(f"import time; time.sleep(0.5); {KILLED}", "import time; time.sleep(60)")
    with (
        pytest.raises(EnvironmentFault, match=r"process 2 of 3 \(rank 1\) was ended by SIGKILL") as caught,
        made.together(),
    ):
        raise BROKEN
    assert caught.value.__cause__ is BROKEN
    ended(made, 2)


@pytest.mark.parametrize("error", [TrainingError("mine"), ValueError("mine"), KeyboardInterrupt()])
def test_an_error_of_the_first_process_is_its_own(launcher, error):
    made = launcher(KILLED, "import time; time.sleep(60)")
    ended(made)
    with pytest.raises(type(error)) as caught, made.together():
        raise error
    assert caught.value is error
    ended(made, 2)


def test_a_first_process_that_waits_for_a_lost_one_is_ended_in_its_wait(launcher, monkeypatch):
    monkeypatch.setattr(ranks, "GRACE_S", 0.1)
    made, heard = launcher("raise SystemExit(7)"), []
    made.abandon = heard.append
    with made.together():
        made._look_after()
    assert "ended by itself with exit code 7" in str(heard[0])


def test_one_that_has_noticed_by_itself_is_left_alone(launcher, monkeypatch):
    monkeypatch.setattr(ranks, "GRACE_S", 0.1)
    made, heard = launcher("raise SystemExit(7)"), []
    made.abandon = heard.append
    made._look_after()
    assert heard == []
    made = launcher("", "")
    began = time.monotonic()
    made._look_after()
    assert time.monotonic() - began < 20, "all have done their part"


def test_words_that_cannot_be_read_are_none(tmp_path):
    assert read_word(tmp_path, 1) is None
    (tmp_path / "rank-1.json").write_text("{")
    assert read_word(tmp_path, 1) is None


@pytest.mark.parametrize(
    ("error", "broken"),
    [
        (BROKEN, True),
        (torch.distributed.DistNetworkError("x"), True),
        (RuntimeError("x"), False),
        (OSError("gloo"), False),
    ],
)
def test_a_broken_exchange_is_known(error, broken):
    assert is_broken(error) is broken


def test_it_takes_the_place_of_lightnings_where_that_starts_processes(tmp_path):
    several = pl.Trainer(accelerator="cpu", devices=2, strategy="ddp", logger=False, enable_checkpointing=False)
    assert type(several.strategy.launcher) is _SubprocessScriptLauncher
    look_after(several, tmp_path)
    assert launcher_of(several).folder == tmp_path
    one = pl.Trainer(accelerator="cpu", devices=1, logger=False, enable_checkpointing=False)
    look_after(one, tmp_path)
    assert launcher_of(one) is None
