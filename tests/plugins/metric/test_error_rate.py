import random

import pytest
import torch
from torchmetrics.text import EditDistance

from recipeline import END, PADDING, SIGNS, UNKNOWN, TargetSpec
from recipeline_plugins.metric.error_rate import TokenErrorRate
from recipeline_plugins.metric.sequence_errors import edit_distances

TARGET = TargetSpec("sequence", ("y",), (*SIGNS, *"abcdefgh"), longest=12)


def coded(rows: list[str], ended: bool = False) -> torch.Tensor:
    made = [[TARGET.classes.index(letter) for letter in row] + [END] * ended for row in rows]
    longest = max(len(row) for row in made)
    return torch.tensor([row + [PADDING] * (longest - len(row)) for row in made])


def words(rows: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    return ["".join(chance.choices("abcdefgh", k=chance.randint(1, 12))) for _ in range(rows)]


def by_definition(one: str, other: str) -> int:
    """Wagner & Fischer 1974, cell by cell."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(other) + 1)] for i in range(len(one) + 1)]
    for i in range(1, len(one) + 1):
        for j in range(1, len(other) + 1):
            replaced = table[i - 1][j - 1] + (one[i - 1] != other[j - 1])
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, replaced)
    return table[-1][-1]


def test_edit_distances_are_those_of_the_definition_and_of_torchmetrics() -> None:
    said, true = [*words(300, 0), "", "abc"], [*words(300, 1), "abc", "abc"]
    found = edit_distances(coded(said), coded(true, ended=True))
    assert found.tolist() == [by_definition(one, other) for one, other in zip(said, true, strict=True)]
    theirs = EditDistance(reduction="none")(said, true)
    assert found.tolist() == theirs.long().tolist()


def test_the_rate_is_over_all_tokens_and_not_a_mean_of_rates() -> None:
    metric = TokenErrorRate().build(TARGET)
    metric.update(coded(["ab"]), coded(["abcdefgh"], ended=True))  # 6 of 8
    metric.update(coded(["b", "aa"]), coded(["a", "a"], ended=True))  # 1 of 1, 1 of 1
    assert float(metric.compute()) == 8 / 10


def test_an_unknown_token_is_an_error_whatever_is_said() -> None:
    assert edit_distances(torch.tensor([[UNKNOWN, 4]]), torch.tensor([[UNKNOWN, 4, END]])).tolist() == [1]


def test_what_stands_behind_the_end_is_not_looked_at() -> None:
    said, true = torch.tensor([[4, END, 5], [4, PADDING, 5]]), torch.tensor([[4, END, 6], [4, END, 7]])
    assert edit_distances(said, true).tolist() == [0, 0]


def test_counts_are_exact_beyond_float32() -> None:
    metric = TokenErrorRate().build(TARGET)
    metric.edits, metric.length = torch.tensor(2**24), torch.tensor(2**25)
    metric.update(coded(["a"]), coded(["b"], ended=True))
    assert float(metric.compute()) == (2**24 + 1) / (2**25 + 1)
    assert metric.compute().dtype == torch.float64


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass", "multilabel", "forecasting"])
def test_is_for_sequences_alone(task: str) -> None:
    assert task not in TokenErrorRate.tasks
