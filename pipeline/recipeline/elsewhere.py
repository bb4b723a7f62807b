"""What other tools call the plugins, for advice to those who come from them: `MSELoss` is `mse` here."""

from __future__ import annotations

from collections.abc import Collection

NAMES: dict[str, dict[str, str]] = {
    "split": {
        "train_test_split": "random", "stratified": "random", "time_series_split": "time", "group_k_fold": "group",
        "fixed": "column",
    },
    "preprocessing": {
        "standard_scaler": "standardize", "zscore": "standardize", "min_max_scaler": "min_max",
        "robust_scaler": "robust", "max_abs_scaler": "max_abs", "normalizer": "unit_norm",
        "power_transformer": "power", "quantile_transformer": "quantile", "kbins_discretizer": "bin",
        "one_hot_encoder": "one_hot", "get_dummies": "one_hot", "ordinal_encoder": "ordinal",
        "label_encoder": "ordinal", "simple_imputer": "impute", "fillna": "impute", "dropna": "drop_missing",
        "tokenizer": "tokenize",
    },
    "architecture": {
        "linear_regression": "linear", "logistic_regression": "linear", "dense": "mlp", "feedforward": "mlp",
        "fully_connected": "mlp", "stacked_cnn": "cnn", "conv": "cnn", "resnet18": "resnet", "resnet50": "resnet",
    },
    "loss": {
        "mean_squared_error": "mse", "l2": "mse", "mean_absolute_error": "mae", "l1": "mae", "smooth_l1": "huber",
        "root_mean_squared_error": "rmse", "categorical_crossentropy": "cross_entropy",
        "sparse_categorical_crossentropy": "cross_entropy", "softmax_cross_entropy": "cross_entropy",
        "bce": "binary_cross_entropy", "bce_with_logits": "binary_cross_entropy", "nll": "log_loss",
        "kl_div": "kl_divergence", "poisson_nll": "poisson", "pinball": "quantile",
    },
    "optimizer": {"gd": "gradient_descent", "adam_w": "adamw", "ista": "proximal_gradient"},
    "scheduler": {
        "cosine_annealing": "cosine", "cosine_annealing_warm_restarts": "cosine_restarts", "constant": "fixed",
        "reduce_on_plateau": "plateau", "reduce_lr_on_plateau": "plateau", "sequential": "chain",
    },
    "regularization": {
        "weight_decay": "l2", "ridge": "l2", "lasso": "l1", "ema": "weight_averaging", "swa": "weight_averaging",
        "sam": "sharpness_aware", "clip_grad_norm": "gradient_clip", "gradient_clipping": "gradient_clip",
        "stochastic_weight_averaging": "weight_averaging", "batch_normalization": "batch_norm",
    },
    "metric": {
        "auc": "roc_auc", "auroc": "roc_auc", "mean_squared_error": "mse", "mean_absolute_error": "mae",
        "root_mean_squared_error": "rmse", "r2_score": "r2", "sensitivity": "recall", "mcc": "matthews",
    },
}  # fmt: skip
"""Family -> the name elsewhere, in small letters with underscores and without `loss` or `lr` at its end -> ours."""


def known_here_as(family: str, name: str, names: Collection[str]) -> str | None:
    """The plugin that another tool calls so, if it is installed."""
    plain = _plain(name)
    known = {word.replace("_", ""): ours for word, ours in NAMES.get(family, {}).items()}
    known |= {ours.replace("_", ""): ours for ours in names}
    for ending in ("", "loss", "lr", "error"):
        found = known.get(plain.removesuffix(ending))
        if found in names:
            return found
    return None


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "").rpartition(".")[2]
