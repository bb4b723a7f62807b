"""The built-in plugins of the family `split`."""

from collections.abc import Sequence

from recipeline import PluginReference, hookimpl, references

CLASSES: dict[str, str] = {
    "column": "ColumnSplit",
    "files": "FilesSplit",
    "group": "GroupSplit",
    "random": "RandomSplit",
    "time": "TimeSplit",
}


@hookimpl
def recipeline_plugins() -> Sequence[PluginReference]:
    """The plugins by name; each lives in the file of its name."""
    return references("split", __name__, CLASSES)
