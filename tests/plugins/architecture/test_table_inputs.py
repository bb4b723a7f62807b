import pytest
import torch

from recipeline_plugins.architecture.table_inputs import TableInputs


def test_puts_the_codes_vectors_beside_the_numbers() -> None:
    inputs = TableInputs(2, (3, 4), embedding=5)
    numbers, codes = torch.randn(6, 2), torch.randint(0, 3, (6, 2))
    out = inputs(numbers, codes)
    assert inputs.width == 12
    assert out.shape == (6, 12)
    assert torch.equal(out[:, :2], numbers)
    assert torch.equal(out[:, 7:], inputs.get_parameter("embeddings.1.weight")[codes[:, 1]])


def test_without_codes_it_passes_the_numbers_on() -> None:
    numbers = torch.randn(6, 2)
    assert TableInputs(2, ())(numbers, torch.empty(6, 0, dtype=torch.int64)) is numbers


def test_a_vector_starts_as_large_as_a_standardized_column() -> None:
    torch.manual_seed(0)
    out = TableInputs(0, (1000,), embedding=20)(torch.empty(1000, 0), torch.arange(1000)[:, None])
    assert out.square().sum(dim=1).mean().item() == pytest.approx(1, rel=0.05)
