import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, LRScheduler, ReduceLROnPlateau

from recipeline import Length, Scheduler
from recipeline.training.schedule import Warmup, schedules, warmup_factor


class Halving(Scheduler, name="halving"):
    """Halves the rate each epoch."""

    def build(self, optimizer, length):
        return LambdaLR(optimizer, lambda epoch: 0.5**epoch)


class Falling(Scheduler, name="falling"):
    """Falls linearly to 0 over all steps."""

    interval = "step"

    def build(self, optimizer, length):
        return LambdaLR(optimizer, lambda step: 1 - step / length.steps)


class Watching(Scheduler, name="watching"):
    """Watches the validation loss."""

    def monitors(self):
        return "val/loss"

    def build(self, optimizer, length):
        return ReduceLROnPlateau(optimizer)


def optimizer(lr: float = 0.8) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)


def rates(described: list[dict], opt: torch.optim.Optimizer, epochs: int, steps: int) -> list[float]:
    """The rate of every optimizer step, moving schedulers as Lightning does."""
    found = []
    for _ in range(epochs):
        for _ in range(steps):
            found.append(opt.param_groups[0]["lr"])
            opt.step()
            for each in described:
                if each["interval"] == "step":
                    each["scheduler"].step()
        for each in described:
            if each["interval"] == "epoch" and not each.get("reduce_on_plateau"):
                each["scheduler"].step()
    return found


def test_warmup_starts_above_zero_and_ends_below_one():
    assert [warmup_factor(step, 3) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert warmup_factor(0, 0) == 1.0


def test_without_warmup_the_schedule_is_the_plugins_own():
    opt = optimizer()
    described = schedules(Halving(), opt, Length(3, 2))
    assert rates(described, opt, 3, 2) == pytest.approx([0.8, 0.8, 0.4, 0.4, 0.2, 0.2])


def test_after_the_warmup_an_epoch_schedule_moves_once_an_epoch():
    opt = optimizer()
    described = schedules(Halving(warmup_epochs=1.5), opt, Length(4, 2))
    expected = [0.2, 0.4, 0.6, 0.8, 0.8, 0.4, 0.4, 0.2]
    assert rates(described, opt, 4, 2) == pytest.approx(expected)


def test_a_step_schedule_gets_the_length_that_is_left():
    opt = optimizer()
    described = schedules(Falling(warmup_epochs=1.0), opt, Length(3, 2))
    expected = [0.8 / 3, 1.6 / 3, 0.8, 0.6, 0.4, 0.2]
    assert rates(described, opt, 3, 2) == pytest.approx(expected)


def test_a_schedule_that_watches_a_metric_stands_beside_the_warmup():
    opt = optimizer()
    described = schedules(Watching(warmup_epochs=1.0), opt, Length(2, 2))
    assert [each.get("monitor") for each in described] == [None, "val/loss"]
    assert rates(described, opt, 2, 2) == pytest.approx([0.8 / 3, 1.6 / 3, 0.8, 0.8])
    assert opt.param_groups[0]["lr"] == pytest.approx(0.8)


def test_a_recursive_schedule_starts_from_the_full_rate():
    opt = optimizer()
    warm = Warmup(opt, 2, lambda: ExponentialLR(opt, 0.5), every=1)
    found = []
    for _ in range(5):
        found.append(opt.param_groups[0]["lr"])
        opt.step()
        warm.step()
    assert found == pytest.approx([0.8 / 3, 1.6 / 3, 0.8, 0.4, 0.2])


def test_the_state_goes_on_where_it_was():
    opt, again = optimizer(), optimizer()
    warm: LRScheduler = schedules(Halving(warmup_epochs=1.5), opt, Length(4, 2))[0]["scheduler"]
    for _ in range(4):
        opt.step()
        warm.step()
    later = schedules(Halving(warmup_epochs=1.5), again, Length(4, 2))[0]["scheduler"]
    again.load_state_dict(opt.state_dict())
    later.load_state_dict(warm.state_dict())
    for _ in range(3):
        for o, s in ((opt, warm), (again, later)):
            o.step()
            s.step()
        assert again.param_groups[0]["lr"] == opt.param_groups[0]["lr"]
