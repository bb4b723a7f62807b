"""Each promise is checked: a plugin that breaks it is told so, by name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import pytorch_lightning as lightning
import torch
import torchmetrics
from torch import nn

from recipeline import (
    Architecture,
    Block,
    InputSpec,
    Loss,
    Metric,
    Optimizer,
    Plugin,
    Preprocessing,
    RecipeError,
    Regularization,
    Report,
    RowFilter,
    Scheduler,
    Source,
    Split,
    TargetSpec,
    TargetTokens,
    TargetTransform,
)
from recipeline.testing import check_plugin

FAULTS: list[Any] = []


def breaks(promise: str) -> Callable[[Any], Any]:
    """Note a class as one that breaks a promise, with the words that have to say so."""

    def note(cls: Any) -> Any:
        FAULTS.append(pytest.param(cls, promise, id=cls.__name__))
        return cls

    return note


# --- all plugins


@breaks(r"has a name of small letters")
class Nameless(Loss):
    """Has no name."""

    tasks = frozenset({"regression"})

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"has a docstring")
class Speechless(Loss, name="speechless"):
    tasks = frozenset({"regression"})

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"documents every setting .* \(found gamma\)")
class Undocumented(Loss, name="undocumented"):
    """Has a setting that nobody explains."""

    tasks = frozenset({"regression"})
    gamma: float = 1.0

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"names packages as pip does, which are installed \(found no-such-package\)")
class Unpacked(Loss, name="unpacked"):
    """Needs what nobody has."""

    tasks = frozenset({"regression"})
    packages = frozenset({"no-such-package"})

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"names the packages that it needs .* \(found 'torch'\)")
class Spelled(Loss, name="spelled"):
    """Names a word where names belong."""

    tasks = frozenset({"regression"})
    packages = "torch"

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"no setting named `type`")
class Typed(Loss, name="typed"):
    """Has a setting of the name that a recipe needs."""

    type: str = "x"
    """Of what type."""

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"keeps the family's strictness: extra='forbid'")
class Lax(Loss, name="lax", extra="ignore"):
    """Takes any setting."""

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"requires and conflicts with as `family.name` or `validation` \(found 'validating'\)")
class Requiring(Loss, name="requiring"):
    """Requires what there is not."""

    requires = frozenset({"validating"})

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"has an example that is a part of a valid recipe \(found RecipeError: .*has no setting 'gama'")
class WrongExample(Loss, name="wrong_example"):
    """Shows a setting that it doesn't have."""

    example = "loss: {type: wrong_example, gama: 2.0}"
    tasks = frozenset({"regression"})

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"is named in its example \(found loss: mse\)")
class OthersExample(Loss, name="others_example"):
    """Shows another one."""

    example = "loss: mse"
    tasks = frozenset({"regression"})

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"names what it goes badly with as `family.name` or `training.setting` \(found adam\)")
class BadCompany(Loss, name="bad_company"):
    """Names another plugin without its family."""

    tasks = frozenset({"regression"})
    goes_badly_with = {"adam": "it does"}  # noqa: RUF012

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"builds from its defaults .* \(found no value for gamma\)")
class Demanding(Loss, name="demanding"):
    """Has no default."""

    gamma: float
    """How much."""

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"settings that survive dump and load")
class Forgetful(Loss, name="forgetful"):
    """Writes itself without its settings."""

    gamma: float = 1.0
    """How much."""

    def as_recipe(self) -> dict[str, Any]:
        return {"type": "forgetful", "gamma": 2 * self.gamma}

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


# --- source


class Rows(Source):
    """A source that is right, for the wrong ones to start from."""

    def scan(self) -> pl.LazyFrame:
        return pl.LazyFrame({"a": [1, 2, 3]})

    def fingerprint(self) -> str:
        return "abc"


@breaks("counts every word of a column, or none")
class Miscounting(Rows, name="miscounting"):
    """Leaves out of its counts what occurs only once."""

    def scan(self) -> pl.LazyFrame:
        return pl.LazyFrame({"a": ["x", "x", None, "y"]})

    def counted_words(self) -> dict[str, pl.DataFrame]:
        return {"a": pl.DataFrame({"word": ["x"], "rows": [2]})}


@breaks("same rows in the same order at every scan")
class Shuffled(Rows, name="shuffled"):
    """Gives its rows in another order each time."""

    def scan(self) -> pl.LazyFrame:
        COUNTER.append(1)
        return pl.LazyFrame({"a": [len(COUNTER), 2, 3]})


COUNTER: list[int] = []


@breaks(r"settles the type of every column \(found a\)")
class Untyped(Rows, name="untyped"):
    """Has a column of no type."""

    def scan(self) -> pl.LazyFrame:
        return pl.LazyFrame({"a": [None, None]})


@breaks("scans lazily")
class Eager(Rows, name="eager"):
    """Reads everything at once."""

    def scan(self) -> Any:
        return pl.DataFrame({"a": [1]})


@breaks("a fingerprint that stays while the rows do")
class Restless(Rows, name="restless"):
    """Changes its fingerprint."""

    def fingerprint(self) -> str:
        COUNTER.append(1)
        return str(len(COUNTER))


# --- split


@breaks(r"assigns every row")
class Short(Split, name="short"):
    """Loses a row."""

    def assign(self, rows: pl.DataFrame, target: Any, seed: int) -> pl.Series:
        return pl.Series(["train"] * 7)


@breaks(r"only train, validation, test, or null \(found \{'valid'\}\)")
class Wordy(Split, name="wordy"):
    """Uses words of its own."""

    def needs(self, target: Any) -> Any:
        return target

    def assign(self, rows: pl.DataFrame, target: Any, seed: int) -> pl.Series:
        return pl.Series(["train"] + ["valid"] * (rows.height - 1))


@breaks("the same rows the same way for the same seed")
class Random(Split, name="random_indeed"):
    """Doesn't use the seed."""

    def needs(self, target: Any) -> Any:
        return target

    def assign(self, rows: pl.DataFrame, target: Any, seed: int) -> pl.Series:
        COUNTER.append(1)
        words = ["train", "validation", "test"]
        return pl.Series([words[(i + len(COUNTER)) % 3] for i in range(rows.height)])


@breaks("makes the test part that `has` announces")
class Boastful(Split, name="boastful"):
    """Announces a part that it doesn't make."""

    def needs(self, target: Any) -> Any:
        return target

    def assign(self, rows: pl.DataFrame, target: Any, seed: int) -> pl.Series:
        return pl.Series([("train", "validation")[i % 2] for i in range(rows.height)])


# --- preprocessing


class Step(Preprocessing):
    """A step that is right, for the wrong ones to start from."""

    columns: str | list[str] = "numeric"
    """Which columns."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return frame.select(pl.all().cast(pl.Float64).mean()).collect().to_dicts()[0]

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame.with_columns(pl.col(name) - mean for name, mean in state.items())


@breaks("learns a state that is JSON-able")
class Pickled(Step, name="pickled"):
    """Has a state that only Python knows."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return {"frame": frame.collect()}


@breaks("a state that JSON gives back unchanged")
class Tupled(Step, name="tupled"):
    """Has a state that comes back as something else."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return {"height": (1, 2)}


@breaks("keeps all that it has learnt in the state|from the state alone")
class Remembering(Step, name="remembering"):
    """Keeps what it has learnt in itself."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        MEMORY[id(self)] = super().fit(frame)
        return {}

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return super().transform(frame, MEMORY.get(id(self), {}))


MEMORY: dict[int, Any] = {}


@breaks("learns the same from the same train rows, whatever came between")
class Leaking(Step, name="leaking"):
    """Learns from the rows that it transforms."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return super().fit(frame) if "seen" not in MEMORY_OF_ROWS else super().fit(MEMORY_OF_ROWS["seen"])

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        MEMORY_OF_ROWS["seen"] = frame
        return super().transform(frame, state)


MEMORY_OF_ROWS: dict[str, pl.LazyFrame] = {}


@breaks("transforms row by row")
class Comparing(Step, name="comparing"):
    """Lets rows see each other when they are transformed."""

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame.with_columns(pl.all() - pl.all().mean())


@breaks("keeps the number of rows")
class Dropping(Step, name="dropping"):
    """Leaves rows out of everything, serving included."""

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame.filter(pl.col("height") > 170)


@breaks("keeps the number of rows|row by row|order of the rows")
class Sorting(Step, name="sorting"):
    """Sorts the rows."""

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame.sort("height")


@breaks("transforms rows it has not seen, or refuses them in words")
class Brittle(Step, name="brittle"):
    """Falls over a category that it hasn't seen."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return {"known": frame.collect()["height"].to_list()}

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        heights = frame.collect()["height"]
        return frame.with_columns(heights.replace_strict(state["known"], range(len(state["known"]))))


@breaks(r"codes 'children' from 0 to 1, unseen values too")
class Overflowing(Step, name="overflowing"):
    """Gives codes beyond its cardinality."""

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame

    def cardinalities(self, state: Any) -> dict[str, int]:
        return {"children": 2}


@breaks("keeps or leaves out: true or false a row")
class Undecided(RowFilter, name="undecided"):
    """Doesn't know of some rows."""

    columns: str | list[str] = "numeric"
    """Which columns."""

    def keep(self, columns: list[str]) -> pl.Expr:
        return pl.when(pl.col("height") > 170).then(True)


@breaks("undoes itself: inverse")
class OneWay(TargetTransform, name="one_way"):
    """Can't be undone."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return {}

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame.with_columns(pl.all() * 2)

    def inverse(self, values: torch.Tensor, state: Any) -> torch.Tensor:
        return values


class Words(TargetTokens):
    """Makes tokens of words."""

    def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
        return {}

    def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
        return frame.with_columns(pl.all().str.split(" ").list.eval(pl.element().str.len_chars().cast(pl.Int64)))

    def tokens(self, state: Any) -> list[str]:
        return ["A", "HH"]

    def separator(self, state: Any) -> str:
        return " "


@breaks("numbers tokens by their places in `tokens`")
class Miscounted(Words, name="miscounted"):
    """Counts from 1."""


@breaks("has `tokens`, each of them once")
class Repeating(Words, name="repeating"):
    """Has a token twice."""

    def tokens(self, state: Any) -> list[str]:
        return ["A", "A"]


# --- architecture


class Net(nn.Module):
    """A linear layer, with something wrong about it."""

    def __init__(self, width: int, outputs: int, fault: str = "") -> None:
        super().__init__()
        self.layer = nn.Linear(width, outputs)
        self.fault = fault
        self.idle = nn.Linear(2, 2) if fault == "idle" else None
        self.hidden = torch.randn(outputs) if fault == "hidden" else 0.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.layer(x)
        if self.fault == "shape":
            return out[:, 0]
        if self.fault == "rows":
            return out - out.mean(dim=0)
        if self.fault == "squeezed":
            return out.squeeze()
        return out + self.hidden


@breaks(r"returns \(batch, outputs\) \(found \(64,\)\)")
class Misshapen(Architecture, name="misshapen"):
    """Returns another shape."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        return Net(inputs.numeric, outputs, "shape")


@breaks(r"gradients reach every trainable parameter \(found idle.weight, idle.bias\)")
class Idle(Architecture, name="idle"):
    """Has a layer that it doesn't use."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        return Net(inputs.numeric, outputs, "idle")


@breaks("survive save and load: same predictions")
class Hiding(Architecture, name="hiding"):
    """Has numbers that aren't saved."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        return Net(inputs.numeric, outputs, "hidden")


@breaks("predicts a row the same way whatever rows stand beside it")
class Sociable(Architecture, name="sociable"):
    """Lets rows see each other."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        return Net(inputs.numeric, outputs, "rows")


@breaks("predicts a row the same way|predicts a batch of one row")
class Squeezing(Architecture, name="squeezing"):
    """Loses the batch of one row."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        return Net(inputs.numeric, outputs, "squeezed")


class SayingNet(nn.Module):
    """Says each next token by the tokens so far and a sum of the source, with something wrong about it."""

    def __init__(self, target: TargetSpec, fault: str) -> None:
        super().__init__()
        self.embed = nn.Embedding(target.outputs, target.outputs)
        self.fault = fault

    def forward(self, numeric: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        heard = self.embed(before)  # (batch, steps, tokens)
        if self.fault == "deaf":
            return heard.mean() + numeric.sum(dim=1)[:, None, None].expand_as(heard)
        so_far = heard.flip(1).cumsum(1).flip(1) if self.fault == "leaking" else heard.cumsum(1)
        beside = numeric.sum() if self.fault == "sociable" else numeric.sum(dim=1)[:, None, None]
        return (so_far + beside)[:, 1:] if self.fault == "short" else so_far + beside


class SteppingNet(SayingNet):
    """Forgets, step by step, what was said before the last token."""

    def begin(self, numeric: torch.Tensor) -> torch.Tensor:
        return numeric.sum(dim=1)[:, None]

    def step(self, memory: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
        return self.embed(before) + memory


class Saying(Architecture):
    """Answers with sequences."""

    tasks = frozenset({"sequence"})

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        raise NotImplementedError


@breaks("gives logits that no later token has an influence on")
class Foreseeing(Saying, name="foreseeing"):
    """Sees what comes after a step."""

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        return SayingNet(target, "leaking")


@breaks("gives logits that no later token|listens to the tokens before a step")
class Unhearing(Saying, name="unhearing"):
    """Doesn't hear what was said."""

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        return SayingNet(target, "deaf")


@breaks(r"returns \(batch, steps, tokens\) \(found \(64, 6, 7\)\)")
class Hasty(Saying, name="hasty"):
    """Leaves a step out."""

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        return SayingNet(target, "short")


@breaks("predicts a row the same way whatever rows stand beside it")
class Gossiping(Saying, name="gossiping"):
    """Lets rows see each other."""

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        return SayingNet(target, "sociable")


@breaks("says step by step what it says of all steps at once")
class Absentminded(Saying, name="absentminded"):
    """Answers otherwise than it has learnt."""

    def build_sequence(self, inputs: InputSpec, target: TargetSpec) -> nn.Module:
        return SteppingNet(target, "")


@breaks("starts from the same numbers for the same seed")
class Unseeded(Architecture, name="unseeded"):
    """Draws from a generator of its own."""

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        net = Net(inputs.numeric, outputs)
        COUNTER.append(1)
        nn.init.constant_(net.layer.bias, len(COUNTER))
        return net


@breaks(r"takes blocks that there are: numeric, .* \(or give `inputs=`\) \(found sound\)")
class Listening(Architecture, name="listening"):
    """Takes what no table has."""

    accepts = ("sound",)

    def build(self, inputs: InputSpec, outputs: int) -> nn.Module:
        return Net(4, outputs)


# --- loss


def of_a_loss(function: Callable[[torch.Tensor, torch.Tensor], Any], promise: str, word: str) -> None:
    """A loss that is this function."""

    def build(self: Any, target: Any) -> Any:
        return function

    body = {"__doc__": "Is wrong.", "tasks": frozenset({"regression"}), "build": build, "__module__": __name__}
    breaks(promise)(type(Loss)(word.title(), (Loss,), body, name=word))


of_a_loss(lambda p, y: (p - y).square(), r"returns one scalar tensor .* \(found \(64, 1\)\)", "unreduced")
of_a_loss(lambda p, y: (p - y).abs().sum().log() * float("nan"), "is finite", "infinite")
of_a_loss(lambda p, y: (p.detach() - y).square().mean(), "lets gradients flow back", "detached")
of_a_loss(lambda p, y: (p - p.detach()).square().mean(), "lets finite gradients flow back", "flat")
of_a_loss(lambda p, y: (p * torch.rand(())).sum(), "the same number for the same batch", "dicing")


@breaks("declares the tasks")
class Taskless(Loss, name="taskless"):
    """Is for nothing."""

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"declares tasks that exist: .* \(found regresion\)")
class Misspelled(Loss, name="misspelled"):
    """Is for a task that there isn't."""

    tasks = frozenset({"regresion"})  # type: ignore[arg-type]  # the fault

    def build(self, target: Any) -> Any:
        return nn.MSELoss()


@breaks(r"takes shares of the classes, as `soft_targets` says")
class TakesIndicesAlone(Loss, name="takes_indices_alone"):
    """Says that it takes shares, and takes indices."""

    tasks = frozenset({"multiclass"})
    soft_targets = True

    def build(self, target: Any) -> Any:
        return lambda prediction, truth: nn.functional.nll_loss(prediction.log_softmax(1), truth)


@breaks(r"gives the same number for a class as for the whole share of it")
class WeighsSharesOtherwise(Loss, name="weighs_shares_otherwise"):
    """Takes the sum over shares, and the mean over indices."""

    tasks = frozenset({"multiclass"})
    soft_targets = True

    def build(self, target: Any) -> Any:
        def function(prediction: Any, truth: Any) -> Any:
            return nn.functional.cross_entropy(prediction, truth, reduction="mean" if truth.ndim == 1 else "sum")

        return function


@breaks(r"has a finite `link` of the shape \(batch, targets\)")
class LinksTooMuch(Loss, name="links_too_much"):
    """Has two outputs a target, and doesn't say which of them is the answer."""

    tasks = frozenset({"regression"})

    def outputs(self, target: Any) -> int:
        return 2 * int(target.outputs)

    def build(self, target: Any) -> Any:
        return lambda prediction, truth: (prediction[:, ::2] - truth).square().mean() + prediction[:, 1::2].mean()


# --- optimizer


@breaks("reduces a quadratic")
class Uphill(Optimizer, name="uphill"):
    """Goes the wrong way."""

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, maximize=True)


@breaks(r"starts at the learning rate `lr`")
class Deaf(Optimizer, name="deaf"):
    """Doesn't listen to `lr`."""

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.5)


@breaks("takes every parameter")
class Partial(Optimizer, name="partial"):
    """Forgets a parameter."""

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters[:1], lr=self.lr)


class Counting(torch.optim.SGD):
    """Slows down by a count that isn't in its state."""

    count = 0

    def step(self, closure: Any = None) -> Any:
        self.count += 1
        for group in self.param_groups:
            group["lr"] = 0.01 / self.count
        return super().step(closure)


@breaks("goes on after save and load as if it had not stopped")
class Amnesiac(Optimizer, name="amnesiac"):
    """Forgets where it was."""

    def build(self, parameters: Any) -> torch.optim.Optimizer:
        return Counting(parameters, lr=self.lr)


# --- scheduler


def of_a_scheduler(factor: Callable[[int], float], promise: str, word: str) -> None:
    """A scheduler with this factor."""

    def build(self: Any, optimizer: Any, length: Any) -> Any:
        return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    body = {"__doc__": "Is wrong.", "build": build, "__module__": __name__}
    breaks(promise)(type(Scheduler)(word.title(), (Scheduler,), body, name=word))


of_a_scheduler(lambda t: 1 - t / 2, "finite and not negative", "negative")
of_a_scheduler(lambda t: float("inf") if t > 3 else 1.0, "finite and not negative", "exploding")


def counting_factor() -> Callable[[int], float]:
    seen: list[int] = []

    def factor(t: int) -> float:
        seen.append(t)
        return 1 / len(seen)

    return factor


@breaks("goes on after save and load as if it had not stopped")
class Losing(Scheduler, name="losing"):
    """Counts for itself."""

    def build(self, optimizer: Any, length: Any) -> Any:
        return torch.optim.lr_scheduler.LambdaLR(optimizer, counting_factor())


# --- regularization


@breaks("does at least one of rewrite, penalty")
class Lazy(Regularization, name="lazy"):
    """Does nothing."""


@breaks("changes something in a network")
class Pretending(Regularization, name="pretending"):
    """Rewrites nothing."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        return model


@breaks("says with a RecipeError that it found nothing to act on")
class Silent(Regularization, name="silent"):
    """Says nothing when it finds nothing."""

    def rewrite(self, model: nn.Module) -> nn.Module:
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.weight)
        return model


@breaks("whose finite gradient reaches the network|has a penalty with a gradient")
class Detached(Regularization, name="detached"):
    """Has a penalty that teaches nothing."""

    def penalty(self, model: nn.Module) -> torch.Tensor:
        return torch.stack([p.detach().square().sum() for p in model.parameters()]).sum()


@breaks("computes the penalty from the present weights")
class Stale(Regularization, name="stale"):
    """Computes its penalty once."""

    def penalty(self, model: nn.Module) -> torch.Tensor:
        if id(self) not in MEMORY:
            MEMORY[id(self)] = torch.stack([p.square().sum() for p in model.parameters()]).sum()
        value: torch.Tensor = MEMORY[id(self)]
        return value


@breaks("leaves the one it was given alone")
class Spoiling(Regularization, name="spoiling"):
    """Changes the data themselves."""

    def augment(self, inputs: Any, target: Any) -> Any:
        return (inputs[0].add_(1.0),), target


@breaks("changes the same way for the same seed")
class Whimsical(Regularization, name="whimsical"):
    """Draws from a generator of its own."""

    def augment(self, inputs: Any, target: Any) -> Any:
        COUNTER.append(1)
        return (inputs[0] + len(COUNTER),), target


@breaks("makes a list of Lightning callbacks")
class Calling(Regularization, name="calling"):
    """Makes callbacks that are none."""

    def callbacks(self) -> Any:
        return [print]


SHARED = lightning.Callback()


@breaks("makes new callbacks for every training")
class Sharing(Regularization, name="sharing"):
    """Makes one callback for all."""

    def callbacks(self) -> Any:
        return [SHARED]


@breaks("still reduces a quadratic")
class Freezing(Regularization, name="freezing"):
    """Stops the optimizer."""

    def wrap_optimizer(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        return optimizer


# --- metric


class Wrong(torchmetrics.Metric):
    """An absolute error, with something wrong about it."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.batches: list[float] = []
        self.add_state("total", torch.tensor(0.0))

    def update(self, prediction: torch.Tensor, target: torch.Tensor) -> None:
        error = (prediction - target).abs().sum()
        self.total = self.total + error
        self.batches.append(float(error) / len(target))

    def compute(self) -> torch.Tensor:
        if self.fault == "vector":
            return self.total.repeat(3)
        if self.fault == "nan":
            return self.total * float("nan")
        if self.fault == "batches":
            return torch.tensor(sum(self.batches) / len(self.batches))
        return self.total

    def reset(self) -> None:
        if self.fault == "reset":
            return
        super().reset()
        self.batches = []


def of_a_metric(fault: str, promise: str, higher: bool = False) -> None:
    """A metric with this fault."""

    def build(self: Any, target: Any) -> Any:
        return Wrong(fault)

    body: dict[str, Any] = {
        "__doc__": "Is wrong.",
        "build": build,
        "__module__": __name__,
        "tasks": frozenset({"regression"}),
        "higher_is_better": higher,
    }
    breaks(promise)(type(Metric)(f"Metric{fault.title()}", (Metric,), body, name=fault))


of_a_metric("vector", "computes one scalar")
of_a_metric("nan", "is finite")
of_a_metric("batches", "measures batches as it measures all rows at once")
of_a_metric("reset", "measures batches as|forgets everything at a reset")
of_a_metric("direction", "gives more to right predictions than to wrong ones", higher=True)


# --- report


@breaks("writes into the folder it is given and nowhere else")
class Straying(Report, name="straying"):
    """Writes where it stands."""

    def write(self, results: Any, folder: Path) -> list[Path]:
        Path("here.txt").write_text("x")
        return []


@breaks("returns the paths of files that it has written")
class Promising(Report, name="promising"):
    """Names files that it hasn't written."""

    def write(self, results: Any, folder: Path) -> list[Path]:
        return [folder / "later.png"]


@breaks("writes, or has nothing to show, for a run without test rows")
class Assuming(Report, name="assuming"):
    """Needs test rows."""

    def write(self, results: Any, folder: Path) -> list[Path]:
        path = folder / "rows.txt"
        path.write_text(str(len(results.truth)))
        return [path]


@pytest.mark.parametrize(("cls", "promise"), FAULTS)
def test_catches(cls: type[Plugin], promise: str) -> None:
    with pytest.raises(AssertionError, match=promise) as caught:
        check_plugin(cls)
    name = f"{cls.family} '{cls.plugin_name}'" if cls.plugin_name else cls.__name__
    assert str(caught.value).startswith(f"{name} breaks a promise: it ")


# --- what is right passes


class Good(Loss, name="good"):
    """The mean squared error, times `gamma`."""

    tasks = frozenset({"regression"})
    gamma: float
    """By how much."""

    def build(self, target: Any) -> Any:
        return lambda p, y: self.gamma * (p - y).square().mean()


def test_takes_settings_and_instances() -> None:
    check_plugin(Good, {"gamma": 2.0})
    check_plugin(Good(gamma=2.0))


def test_says_which_setting_is_wrong() -> None:
    with pytest.raises(AssertionError, match=r"(?s)builds from the given settings .*valid number"):
        check_plugin(Good, {"gamma": "2"})


def test_takes_inputs_for_an_architecture() -> None:
    inputs = InputSpec({"sound": Block(("wave",), (4,))})
    check_plugin(Listening, inputs=inputs)


def test_takes_a_frame_for_a_step() -> None:
    class Plain(Step, name="plain"):
        """Centers."""

        columns: str | list[str] = "mass"
        """Which columns."""

    with pytest.raises(AssertionError, match=r"finds its columns in a made-up table \(or give `frame=`\)"):
        check_plugin(Plain)
    check_plugin(Plain, frame=pl.DataFrame({"mass": [1.0, 2.0, 3.5, 4.0]}))


def test_a_step_may_refuse_rows_it_has_not_seen_in_words() -> None:
    class Strict(Step, name="strict"):
        """Refuses what it has not seen."""

        def fit(self, frame: pl.LazyFrame) -> dict[str, Any]:
            return {"known": json.loads(json.dumps(frame.collect()["height"].to_list()))}

        def transform(self, frame: pl.LazyFrame, state: Any) -> pl.LazyFrame:
            if not set(frame.collect()["height"]) <= set(state["known"]):
                raise RecipeError("a height that was not there before")
            return frame

    check_plugin(Strict)
