import pytest

from recipeline.catalog import installed
from recipeline.elsewhere import NAMES, known_here_as
from recipeline.errors import RecipeError


@pytest.mark.parametrize(
    ("family", "name", "ours"),
    [
        ("loss", "MSELoss", "mse"), ("loss", "CrossEntropyLoss", "cross_entropy"), ("loss", "BCEWithLogitsLoss",
        "binary_cross_entropy"), ("loss", "mean_squared_error", "mse"), ("loss", "torch.nn.L1Loss", "mae"),
        ("scheduler", "CosineAnnealingLR", "cosine"), ("scheduler", "ReduceLROnPlateau", "plateau"),
        ("scheduler", "OneCycleLR", "one_cycle"), ("scheduler", "StepLR", "step"), ("optimizer", "AdamW", "adamw"),
        ("preprocessing", "StandardScaler", "standardize"), ("preprocessing", "MinMaxScaler", "min_max"),
        ("regularization", "weight_decay", "l2"), ("metric", "AUROC", "roc_auc"), ("loss", "focall", None),
    ],
)  # fmt: skip
def test_names_of_other_tools(family, name, ours):
    assert known_here_as(family, name, installed().names(family)) == ours


def test_only_what_is_installed_is_offered():
    assert known_here_as("loss", "MSELoss", ["huber"]) is None


def test_all_that_is_offered_exists():
    for family, names in NAMES.items():
        assert set(names.values()) <= set(installed().names(family)), family
        assert not set(names) & set(installed().names(family)), family


def test_the_error_offers_it():
    with pytest.raises(RecipeError, match=r"no loss is named 'MSELoss'\. Did you mean 'mse'\? See: recipeline plugins"):
        installed().entry("loss", "MSELoss")


def test_a_file_in_place_of_a_source():
    with pytest.raises(RecipeError, match=r"A file is written \{type: csv, path: data/houses.csv\}\."):
        installed().entry("source", "data/houses.csv")
