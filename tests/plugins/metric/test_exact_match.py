import torch

from recipeline import END, PADDING, SIGNS, UNKNOWN, TargetSpec
from recipeline_plugins.metric.exact_match import ExactMatch

TARGET = TargetSpec("sequence", ("y",), (*SIGNS, "a", "b"), longest=3)


def test_a_row_counts_when_all_of_it_is_right() -> None:
    metric = ExactMatch().build(TARGET)
    metric.update(
        torch.tensor([[4, 5, PADDING], [4, 4, 4], [4, PADDING, PADDING], [4, 5, PADDING]]),
        torch.tensor([[4, 5, END, PADDING, PADDING], [4, 4, END, 0, 0], [4, 5, END, 0, 0], [4, UNKNOWN, END, 0, 0]]),
    )
    assert float(metric.compute()) == 1 / 4
    metric.update(torch.tensor([[5]]), torch.tensor([[5, END]]))  # another width
    assert float(metric.compute()) == 2 / 5
