"""A loss, a preprocessing step and a network as a stranger would write them: the public door, nothing else."""

from collections.abc import Sequence

from recipeline import Plugin, PluginReference, hookimpl

from .lopsided import Lopsided


@hookimpl
def recipeline_plugins() -> Sequence[type[Plugin] | PluginReference]:
    """One class, and two references that are imported when a recipe names them."""
    return [
        Lopsided,
        PluginReference("preprocessing", "ratio", "acme_plugins.ratio:Ratio"),
        PluginReference("architecture", "maxout", "acme_plugins.maxout:Maxout"),
    ]
