"""Where a setting is at home that was written in another place: `lr` at the top belongs to the optimizer."""

from __future__ import annotations

from recipeline.recipe.node import Node, Path, dotted
from recipeline.recipe.schema_view import View, article

OTHER_WORDS = {
    "learning_rate": "lr", "batch": "batch_size", "batchsize": "batch_size", "max_epochs": "epochs",
    "num_epochs": "epochs", "n_epochs": "epochs", "model": "architecture", "network": "architecture",
    "normalisation": "normalization", "hidden_sizes": "hidden", "hidden_dims": "hidden", "layers": "hidden",
    "hidden_layers": "hidden", "units": "hidden", "criterion": "loss", "objective": "loss",
    "random_state": "seed", "random_seed": "seed", "label": "target", "labels": "target", "y": "target",
    "dataset": "data", "lr_scheduler": "scheduler", "regularizer": "regularization",
    "regularizers": "regularization", "callbacks": "regularization", "transforms": "preprocessing",
    "steps": "preprocessing", "metric": "metrics", "report": "reports", "plots": "reports", "device": "accelerator",
    "gpus": "devices", "num_devices": "devices", "accumulate_grad_batches": "accumulate",
    "gradient_accumulation": "accumulate", "num_threads": "threads", "trainer": "training", "logger": "tracking",
    "mlflow": "tracking", "logging": "tracking", "tracking_uri": "uri", "experiment_name": "experiment",
    "num_workers": "workers", "p": "dropout", "dropout_rate": "dropout", "dropout_prob": "dropout",
    "delimiter": "separator", "sep": "separator", "na_values": "missing",
    "input_features": "columns", "output_features": "target", "combiner": "architecture", "backend": "accelerator",
    "file": "path", "filename": "path", "csv": "source", "kind": "type", "name": "type", "class": "type",
    "class_path": "type", "_target_": "type", "val": "validation", "valid": "validation", "monitor_metric": "monitor",
}  # fmt: skip
"""What other tools call it -> what a recipe calls it."""

_SECTIONS: tuple[Path, ...] = (
    (), ("data",), ("training",), ("tracking",), ("architecture",), ("optimizer",), ("scheduler",), ("loss",),
    ("data", "source"), ("data", "split"),
)  # fmt: skip
_KEYS = {"metric": "metrics", "report": "reports", "source": "data.source", "split": "data.split"}
"""Where a recipe names the plugins of a family, if not under the family's own name."""
_BESIDE = {"params", "settings", "args", "kwargs", "init_args", "options", "config", "hyperparameters"}


def belongs(name: str, path: Path, root: Node, view: View) -> str | None:
    """Advice on a setting that isn't known where it stands, if it is known elsewhere."""
    parent, _ = root.nearest(path[:-1])
    here = view.at(path[:-1], root)
    own = [*here.settings(parent)] if here is not None else []
    is_plugin = here is not None and any(branch.family is not None for branch in here.branches(parent))
    if is_plugin:
        own.append("type")
        if name in _BESIDE:
            return "Settings stand beside `type`, not one level down."
    word = OTHER_WORDS.get(name.lower())
    if word in own and parent.step(str(word)) is None:
        return f"Did you mean '{word}'?"
    for wanted in filter(None, (name, word)):
        homes = [section for section in _SECTIONS if section != path[:-1] and wanted in _keys(section, root, view)]
        if homes and not (is_plugin and wanted == "type"):
            return f"It belongs here: {' or '.join(dotted((*home, wanted)) for home in homes[:2])}."
    families = sorted(family for family, known in view.catalog.entries if known == name)
    if families and not is_plugin:
        family = families[0]
        key = _KEYS.get(family, family)
        form = f"[{name}]" if family in ("preprocessing", "regularization", "metric", "report") else name
        return f"'{name}' is {article(family)} {family}: write {key}: {form}"
    return None


def _keys(section: Path, root: Node, view: View) -> list[str]:
    """The keys that a section knows; of the optimizer also when the recipe names none."""
    node, taken = root.nearest(section)
    here = view.at(section, root)
    if here is None:
        return []
    if taken == len(section):
        found = here.settings(node)
        if found:
            return found
    return ["lr"] if section == ("optimizer",) else []
