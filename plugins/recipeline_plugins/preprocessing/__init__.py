"""The built-in plugins of the family `preprocessing`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    # cleaning
    "clip_outliers": "ClipOutliers",
    "drop_columns": "DropColumns",
    "drop_duplicates": "DropDuplicates",
    "drop_missing": "DropMissing",
    "impute": "Impute",
    "replace": "Replace",
    "strip_text": "StripText",
    # conversion
    "bin": "Bin",
    "cast": "Cast",
    "datetime_parts": "DatetimeParts",
    "one_hot": "OneHot",
    "load_image": "LoadImage",
    "ordinal": "Ordinal",
    "tokenize": "Tokenize",
    # normalization
    "log": "Log",
    "max_abs": "MaxAbs",
    "min_max": "MinMax",
    "normalize_image": "NormalizeImage",
    "power": "Power",
    "quantile": "Quantile",
    "resize": "Resize",
    "robust": "Robust",
    "standardize": "Standardize",
    "standardize_series": "StandardizeSeries",
    "unit_norm": "UnitNorm",
    # target
    "normalize_target": "NormalizeTarget",
    "tokenize_target": "TokenizeTarget",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("preprocessing", __name__, CLASSES)
