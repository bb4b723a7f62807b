import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.utils.class_weight import compute_class_weight

from recipeline import RecipeError, TargetSpec
from recipeline_plugins.loss.class_weights import balanced, effective_number, weights_for
from recipeline_plugins.loss.cross_entropy import CrossEntropy
from recipeline_plugins.loss.focal import Focal

TARGET = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (10, 30, 60))


def test_balanced_weights_are_scikit_learns() -> None:
    y = np.repeat([0, 1, 2], [10, 30, 60])
    assert balanced((10, 30, 60)) == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=y))


def test_effective_numbers_are_the_papers() -> None:
    counts = np.array([10, 300, 6000])
    raw = (1 - 0.99) / (1 - 0.99**counts)
    assert effective_number(tuple(counts), 0.99) == pytest.approx(3 * raw / raw.sum(), rel=1e-12)


def test_effective_numbers_lie_between_equal_and_balanced() -> None:
    counts = (10, 30, 60)
    assert effective_number(counts, 0.0) == [1.0, 1.0, 1.0]
    near = np.array(balanced(counts))
    assert effective_number(counts, 1 - 1e-9) == pytest.approx(3 * near / near.sum(), rel=1e-6)


def test_a_recipe_chooses_the_rule_and_its_beta() -> None:
    assert weights_for("balanced", None, TARGET) == balanced(TARGET.class_counts)
    assert weights_for("effective_number", None, TARGET) == effective_number(TARGET.class_counts, 0.999)
    assert weights_for("effective_number", 0.9, TARGET) == effective_number(TARGET.class_counts, 0.9)
    assert weights_for(None, None, TARGET) is None


@pytest.mark.parametrize("loss", [CrossEntropy, Focal])
def test_a_beta_that_nothing_reads_is_refused(loss: type[CrossEntropy | Focal]) -> None:
    for weights in (None, "balanced", [1.0, 2.0]):
        with pytest.raises(ValidationError, match="beta is read only with class_weights: effective_number"):
            loss.model_validate({"class_weights": weights, "beta": 0.9})
    with pytest.raises(ValidationError, match="less than 1"):
        loss.model_validate({"class_weights": "effective_number", "beta": 1.0})


@pytest.mark.parametrize("rule", ["balanced", "effective_number"])
def test_a_rule_needs_rows_of_every_class(rule: str) -> None:
    target = TargetSpec("multiclass", ("y",), ("a", "b", "c"), (10, 0, 5))
    with pytest.raises(RecipeError, match=rf"loss.class_weights: {rule} weights need .* \(found b without any\)"):
        CrossEntropy.model_validate({"class_weights": rule}).build(target)
