"""What Lightning logs arrives with epochs counted from 1."""

from pytorch_lightning.utilities import rank_zero_only

from recipeline.tracking.logger import RunLogger


class Remembering:
    run_id = "r1"
    experiment = "income"

    def __init__(self):
        self.logged = []

    def log_soon(self, metrics, epoch):
        self.logged.append((dict(metrics), epoch))

    def catch_up(self):
        self.logged.append("written")


def test_the_step_is_the_epoch_from_1_whatever_lightnings_step_is():
    run = Remembering()
    logger = RunLogger(run)
    logger.log_metrics({"train/loss": 0.5, "epoch": 0}, step=120)
    logger.log_metrics({"train/loss": 0.4, "epoch": 1}, step=240)
    logger.log_metrics({"lr-Adam": 0.1}, step=241)
    assert run.logged == [({"train/loss": 0.5}, 1), ({"train/loss": 0.4}, 2), ({"lr-Adam": 0.1}, 2)]
    assert (logger.name, logger.version) == ("income", "r1")
    logger.save()
    assert run.logged[3:] == ["written"]


def test_other_ranks_log_nothing(monkeypatch):
    run = Remembering()
    monkeypatch.setattr(rank_zero_only, "rank", 1)
    RunLogger(run).log_metrics({"train/loss": 0.5, "epoch": 0})
    RunLogger(run).save()
    assert run.logged == []


def test_without_a_run_it_does_nothing():
    logger = RunLogger(None)
    logger.log_metrics({"train/loss": 0.5})
    logger.log_hyperparams({"lr": 1})
    logger.save()
    assert (logger.name, logger.version) == (None, None)
