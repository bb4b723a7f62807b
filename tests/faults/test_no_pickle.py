"""No code of ours reads a pickle, in whatever clothes: looked for in the syntax of every file of both packages."""

import ast
from pathlib import Path

import pytest

import recipeline
import recipeline_plugins

PACKAGES = [Path(package.__file__).parent for package in (recipeline, recipeline_plugins)]
MODULES = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "jsonpickle",
    "pickletools",
}
"""Which read programs as data."""
CALLS = {"Unpickler", "read_pickle", "hub", "load_from_checkpoint", "load_state_dict_from_url", "load_object_list"}
LOADERS = {"torch", "jit", "package", "serialization"}
"""Of what `.load` is a pickle's."""


def found_in(source):
    """What in a text of Python could read a pickle."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").partition(".")[0]
            names = {each.name for each in node.names}
            if module in MODULES or names & MODULES or (module == "torch" and names & {"load", "hub"}):
                yield f"from {node.module} import"
        elif isinstance(node, ast.Attribute):
            of = getattr(node.value, "id", getattr(node.value, "attr", ""))
            if node.attr in CALLS or (node.attr == "load" and of in LOADERS):
                yield f"{of}.{node.attr}"
        elif isinstance(node, ast.Call):
            words = {each.arg: getattr(each.value, "value", None) for each in node.keywords}
            called = getattr(node.func, "attr", "")
            of = getattr(getattr(node.func, "value", None), "id", "")
            if words.get("allow_pickle") not in (None, False):
                yield "allow_pickle"
            if of in ("np", "numpy") and called == "load" and words.get("allow_pickle") is not False:
                yield "numpy.load without allow_pickle=False"
            if called in ("import_module", "__import__") and any(getattr(a, "value", "") in MODULES for a in node.args):
                yield called


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_no_code_of_ours_reads_a_pickle(package):
    files = sorted(package.rglob("*.py"))
    assert len(files) > 50
    found = [f"{path.relative_to(package)}: {what}" for path in files for what in found_in(path.read_text("utf-8"))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "import pickle as p", "from pickle import loads", "import joblib", "import cloudpickle.x",
        "from six.moves import cPickle", "torch.load(path, weights_only=True)", "from torch import load",
        "torch.jit.load(path)", "torch.hub.load('a', 'b')", "np.load(path)", "np.load(path, allow_pickle=True)",
        "numpy.load(path, allow_pickle=maybe)", "frame.read_pickle(path)", "Module.load_from_checkpoint(path)",
        "importlib.import_module('pickle')", "torch.serialization.load(f)", "import marshal",
    ],
)  # fmt: skip
def test_each_way_of_reading_one_is_seen(source):
    assert list(found_in(source))


@pytest.mark.parametrize(
    "source", ["json.load(f)", "np.load(path, allow_pickle=False)", "safetensors.torch.load_file(p)"]
)
def test_other_ways_of_reading_are_left_alone(source):
    assert not list(found_in(source))
