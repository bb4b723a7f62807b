"""The built-in plugins of the family `source`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "csv": "CsvSource",
    "image_folder": "ImageFolder",
    "parquet": "ParquetSource",
    "sample": "SampleSource",
    "windows": "Windows",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("source", __name__, CLASSES)
