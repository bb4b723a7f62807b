"""Models and checkpoints that somebody has made to do harm: nothing of them is run, and nothing is written outside.

Each is refused in words and with an exit code of ours, before anything in it is imported. While one is read an audit
hook listens to the interpreter: it hears each program, connection, file that is opened for writing, and each module
or text that is run; and whatever the payloads could do leaves a file behind, which is looked for.
"""

import io
import json
import os
import pickle
import random
import shutil
import struct
import sys
import tarfile
import tempfile
import warnings
import zipfile
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
import safetensors.torch
import torch
import yaml

from recipeline.catalog import installed
from recipeline.errors import RecipelineError
from recipeline.network import build_network
from recipeline.recipe.model import Recipe
from recipeline.serving.bundle import write_bundle
from recipeline.serving.fetch import download, fetch_model
from recipeline.serving.log import save_model
from recipeline.stages.read import complete
from recipeline.storage.sealed import seal
from recipeline.training.archive import planned
from recipeline.training.checkpoints import DurableCheckpointIO
from recipeline.training.datamodule import RecipeDataModule
from recipeline.training.kept import find_checkpoints

REFUSED = {2, 3, 4}
ROWS = pl.DataFrame({"age": [n % 40 for n in range(60)], "town": [("Oslo", "Rome")[n % 2] for n in range(60)]})
CANARY = "canary"

heard: list[str] = []
listening: list[Path] = []
"""The one folder below which files may be written while somebody listens."""
strict: list[bool] = []
"""Whether no text is run at all: MLflow makes classes out of text, and runs the code that we have copied there."""
PROGRAMS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "subprocess.Popen", "pty.spawn",
            "socket.connect", "socket.bind", "ctypes.dlopen", "pickle.find_class", "code.__new__")  # fmt: skip
CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate", "os.chmod")


def outside(path):
    """Whether this lies where nothing may be written."""
    allowed = (str(listening[0]), "/dev/") if strict else (str(listening[0]), "/dev/", f"{tempfile.gettempdir()}/tmp")
    return isinstance(path, str | bytes | os.PathLike) and not os.fsdecode(path).startswith(allowed)


def hook(event, arguments):
    if not listening:
        return
    said = None
    if event in PROGRAMS:
        said = arguments
    elif event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else mode not in ("r", "rb")
        said = arguments if writes and outside(path) else None
    elif event in CHANGES:
        said = arguments if outside(arguments[0]) else None
    elif event == "import":
        said = arguments if "evil" in str(arguments[0]) else None
    elif event == "exec":
        file = arguments[0].co_filename
        said = file if "evil" in file or (strict and ("<string>" in file or "hostile" in file)) else None
    if said is not None:
        heard.append(f"{event} {said!r}"[:300])


@pytest.fixture(scope="module", autouse=True)
def _hooked():
    sys.addaudithook(hook)


@contextmanager
def listened(own: Path, *, mlflow: bool = False):
    """Nothing is run, and nothing written but below this folder."""
    heard.clear()
    strict[:] = [] if mlflow else [True]
    listening.append(own)
    try:
        yield
    finally:
        listening.clear()
    assert heard == []


def tree(folder):
    """All that lies in a folder: what it is, and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        said = path.lstat()
        kind = said.st_mode & 0o170000
        content = (
            sha256(path.read_bytes()).hexdigest() if kind == 0o100000 else path.readlink() if kind == 0o120000 else ""
        )
        found[str(path.relative_to(folder))] = (said.st_mode, said.st_size if kind == 0o100000 else 0, content)
    return found


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A model as MLflow keeps it, and one of other weights and the same shape."""
    folder = tmp_path_factory.mktemp("good")
    rows = ROWS.with_columns(grade=pl.Series([("good", "bad", "ugly")[n % 3] for n in range(60)]))
    rows.write_csv(folder / "rows.csv")
    source = {"type": "csv", "path": str(folder / "rows.csv")}
    written = {"name": "shop", "data": {"source": source, "target": "grade"}, "architecture": "mlp"}
    module = RecipeDataModule(Recipe.model_validate(written), folder / "cache", complete)
    data, recipe = module.data, module.recipe
    for number, name in enumerate(("one", "other")):
        torch.manual_seed(number)
        network = build_network(recipe, data.inputs, data.target)
        bundle = folder / name / "model"
        write_bundle(bundle, network=network, recipe=recipe, pipeline=data.pipeline, batch_size=64)
        save_model(bundle, folder / f"model-{name}", example=ROWS.head(3))
    fetch_model(str(folder / "model-one"), None, folder / "warm").predict(ROWS)
    for name in ("cross_entropy", "pretrained"):  # classes that are made when their module is imported
        installed().entry("loss" if name == "cross_entropy" else "architecture", name).load()
    return folder


class Trap:
    """Leaves a folder behind where it is unpickled."""

    def __init__(self, where):
        self.where = where

    def __reduce__(self):
        return (os.mkdir, (str(self.where / CANARY),))


class Place:
    """A hostile model's folder, its surroundings, and what an attacker does to it."""

    def __init__(self, good, outside):
        self.outside = outside
        self.good = good
        self.root = outside / "hostile"
        shutil.copytree(good / "model-one", self.root)
        self.bundle = self.root / "artifacts" / "model"
        (outside / "secret.txt").write_text("nobody's business")
        (outside / "evil.py").write_text(self.code)

    @property
    def code(self):
        return f"import os\nos.mkdir({str(self.outside / CANARY)!r})\n"

    @property
    def pickled(self):
        return pickle.dumps(Trap(self.outside))

    def reseal(self):
        """The manifest that fits what lies there."""
        (self.bundle / "manifest.json").unlink(missing_ok=True)
        seal(self.bundle, {}, times=False)

    def manifest(self, files=None, **more):
        """A manifest with the right digest of itself, whatever it says."""
        said = json.loads((self.bundle / "manifest.json").read_text())["manifest"]
        said = {**said, **more, "files": said["files"] if files is None else files(said["files"])}
        digest = sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()
        document = {"manifest": said, "sha256": digest}
        (self.bundle / "manifest.json").write_bytes(json.dumps(document, ensure_ascii=True, indent=1).encode() + b"\n")

    def put(self, name, content):
        """Other bytes in a file of the bundle, with a manifest that fits."""
        (self.bundle / name).write_bytes(content)
        self.reseal()

    def say(self, change):
        """Another description, with a manifest that fits."""
        said = json.loads((self.bundle / "model.json").read_text())
        change(said)
        self.put("model.json", json.dumps(said).encode())

    def mlmodel(self, change):
        """Another MLmodel."""
        said = yaml.safe_load((self.root / "MLmodel").read_text())
        change(said["flavors"]["python_function"])
        (self.root / "MLmodel").write_text(yaml.safe_dump(said))

    def away(self, name):
        """A file of the bundle, brought outside."""
        return Path(shutil.move(self.bundle / name, self.outside / name))


def cases(all_of_them):
    """Every case with the fault tests, and every ninth of them with all others too."""
    return [
        pytest.param(name, marks=[] if number % 9 == 0 else [pytest.mark.faults])
        for number, name in enumerate(all_of_them)
    ]


def entry(content):
    return {"bytes": len(content), "sha256": sha256(content).hexdigest()}


def named(name, content=b"nobody's business"):
    """A manifest that lists one more file, with its right hash."""
    return lambda p: p.manifest(lambda files: {**files, name: entry(content)})


def wrong(key, value):
    """A manifest that is wrong about the description."""
    return lambda p: p.manifest(lambda files: {**files, "model.json": {**files["model.json"], key: value}})


def weights(header, body=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def setting(*path):
    """Puts a value at a path of the description."""

    def at(value):
        def change(said):
            for key in path[:-1]:
                said = said[key]
            said[path[-1]] = value

        return lambda p: p.say(change)

    return at


def zipped(p, names, compression=zipfile.ZIP_STORED):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return sink.getvalue()


def saved(value, **options):
    torch.save(value, sink := io.BytesIO(), **options)
    return sink.getvalue()


def pipe(name):
    def change(p):
        (p.bundle / name).unlink(missing_ok=True)
        os.mkfifo(p.bundle / name)

    return change


def link(name, to):
    def change(p):
        (p.bundle / name).unlink()
        (p.bundle / name).symlink_to(to if to is not None else p.outside / "secret.txt")

    return change


def moved_link(name):
    return lambda p: (target := p.away(name)) and (p.bundle / name).symlink_to(target)


def linked_bundle(p):
    shutil.move(p.bundle, p.outside / "elsewhere")
    p.bundle.symlink_to(p.outside / "elsewhere")


def hard_link(p):
    (p.bundle / "weights.safetensors").unlink()
    (p.bundle / "weights.safetensors").hardlink_to(p.outside / "secret.txt")


def listed_code(p):
    (p.bundle / "evil.py").write_text(p.code)
    p.reseal()


def below(p):
    (p.bundle / "more").mkdir()
    (p.bundle / "more" / "evil.py").write_text(p.code)


def swap(p):
    one, other = (p.bundle / name for name in ("weights.safetensors", "model.json"))
    one.rename(p.bundle / "x")
    other.rename(one)
    (p.bundle / "x").rename(other)


def other_weights(p):
    shutil.copyfile(
        p.good / "model-other" / "artifacts" / "model" / "weights.safetensors", p.bundle / "weights.safetensors"
    )


def drop(key):
    return lambda p: p.say(lambda said: said.pop(key))


def text(content):
    return lambda p: (p.root / "MLmodel").write_bytes(content if isinstance(content, bytes) else content.encode())


def flavor(**settings):
    return lambda p: p.mlmodel(lambda said: said.update(settings))


def another_flavor(p):
    content = (p.root / "MLmodel").read_text()
    (p.root / "MLmodel").write_text(content.replace("flavors:", "flavors:\n  sklearn: {pickled_model: m.pkl}", 1))


def twice(p):
    content = (p.bundle / "model.json").read_text()
    p.put("model.json", content.replace('{"format": 1,', '{"format": 1, "format": 1,').encode())


def python_model(p):
    (p.root / "python_model.pkl").write_bytes(p.pickled)
    p.mlmodel(
        lambda said: (
            said.pop("model_code_path"),
            said.update(python_model="python_model.pkl", loader_module="mlflow.pyfunc.model"),
        )
    )


def step(change):
    return lambda p: p.say(lambda said: change(said["pipeline"]["steps"][0]))


MODELS = {
    "a pickle as weights": lambda p: (p.bundle / "weights.safetensors").write_bytes(p.pickled),
    "a pickle as weights, sealed": lambda p: p.put("weights.safetensors", p.pickled),
    "a pickle as description, sealed": lambda p: p.put("model.json", p.pickled),
    "a pickle as manifest": lambda p: (p.bundle / "manifest.json").write_bytes(p.pickled),
    "a pickle as MLmodel": lambda p: (p.root / "MLmodel").write_bytes(p.pickled),
    "a checkpoint of torch as weights": lambda p: p.put("weights.safetensors", saved({"w": Trap(p.outside)})),
    "a pickle of the whole model": python_model,
    "a pickle beside the weights, sealed": lambda p: p.put("weights.pt", p.pickled),
    "code beside the weights, sealed": listed_code,
    "a zip that leads outside, as description": lambda p: p.put("model.json", zipped(p, {"../../../canary": b"1"})),
    "a packed bomb, as description": lambda p: p.put(
        "model.json", zipped(p, {"model.json": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    ),
    "a packed bomb, as weights": lambda p: p.put(
        "weights.safetensors", zipped(p, {"w": bytes(50_000_000)}, zipfile.ZIP_DEFLATED)
    ),
    "a path upwards in the manifest": named("../../../secret.txt"),
    "a path upwards with backslashes in the manifest": named("..\\..\\secret.txt"),
    "an absolute path in the manifest": named("/etc/passwd", Path("/etc/passwd").read_bytes()),
    "the folder above in the manifest": named(".."),
    "no name in the manifest": named(""),
    "a NUL in the manifest": named("model.json\0.py"),
    "a line break in the manifest": named("model.json\nweights"),
    "half a character in the manifest": named("\ud800"),
    "escapes of a terminal in the manifest": named("\x1b[2Jmodel"),
    "a manifest whose files are a list": lambda p: p.manifest(lambda files: [list(files)]),
    "a manifest whose files are numbers": lambda p: p.manifest(lambda files: dict.fromkeys(files, 1)),
    "a manifest of another version": lambda p: p.manifest(format=2),
    "a manifest with the wrong hash": wrong("sha256", "0" * 64),
    "a manifest with the wrong length": wrong("bytes", -1),
    "a manifest that says nothing": lambda p: p.manifest(lambda files: {}),
    "no manifest": lambda p: (p.bundle / "manifest.json").unlink(),
    "a manifest nested deeply": lambda p: (p.bundle / "manifest.json").write_text('{"manifest":' + "[" * 100_000),
    "weights that are a link": moved_link("weights.safetensors"),
    "a description that is a link": moved_link("model.json"),
    "a manifest that is a link": moved_link("manifest.json"),
    "a link to a secret": link("weights.safetensors", None),
    "a link to endless zeros": link("weights.safetensors", "/dev/zero"),
    "a manifest linked to endless zeros": link("manifest.json", "/dev/zero"),
    "a hard link to a secret": hard_link,
    "a pipe as weights": pipe("weights.safetensors"),
    "a pipe as description": pipe("model.json"),
    "a pipe as manifest": pipe("manifest.json"),
    "a pipe as MLmodel": lambda p: ((p.root / "MLmodel").unlink(), os.mkfifo(p.root / "MLmodel")),
    "an MLmodel linked to endless zeros": lambda p: link("../../MLmodel", "/dev/zero")(p),
    "a folder as weights": lambda p: (p.away("weights.safetensors"), (p.bundle / "weights.safetensors").mkdir()),
    "files that have changed places": swap,
    "weights of another model": other_weights,
    "weights cut off": lambda p: p.put("weights.safetensors", (p.bundle / "weights.safetensors").read_bytes()[:-4]),
    "a header of exabytes": lambda p: p.put("weights.safetensors", weights(b"{}", length=2**63 - 1)),
    "a header that is larger than the file": lambda p: p.put("weights.safetensors", weights(b"{}", length=90_000_000)),
    "weights of a terabyte": lambda p: p.put(
        "weights.safetensors", weights({"w": {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 2**40]}})
    ),
    "a shape without bytes": lambda p: p.put(
        "weights.safetensors", weights({"w": {"dtype": "F32", "shape": [2**38], "data_offsets": [0, 4]}}, bytes(4))
    ),
    "a shape that overflows": lambda p: p.put(
        "weights.safetensors",
        weights({"w": {"dtype": "F32", "shape": [2**33, 2**33], "data_offsets": [0, 4]}}, bytes(4)),
    ),
    "tensors that overlap": lambda p: p.put(
        "weights.safetensors",
        weights({n: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for n in "ab"}, bytes(4)),
    ),
    "an unknown kind of number": lambda p: p.put(
        "weights.safetensors", weights({"w": {"dtype": "PICKLE", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
    ),
    "no tensors": lambda p: p.put("weights.safetensors", weights({})),
    "a name with a NUL among the tensors": lambda p: p.put(
        "weights.safetensors", weights({"a\0b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4))
    ),
    "a key that stands twice": twice,
    "NaN": lambda p: p.put("model.json", b'{"format": NaN}'),
    "a number of 5,000 digits": lambda p: p.put("model.json", b'{"format": ' + b"9" * 5000 + b"}"),
    "half a character": lambda p: p.put("model.json", b'{"format": 1, "name": "\\ud800"}'),
    "a description nested deeply": lambda p: p.put("model.json", b"[" * 200_000),
    "settings nested deeply": setting("architecture", "hidden")(json.loads("[" * 300 + "]" * 300)),
    "a description in UTF-16": lambda p: p.put("model.json", (p.bundle / "model.json").read_text().encode("utf-16")),
    "a list as description": lambda p: p.put("model.json", b"[1, 2]"),
    "a description of tomorrow": setting("format")(2),
    "true as version": setting("format")(True),
    **{f"no {key}": drop(key) for key in ("architecture", "pipeline", "regularization", "requirements", "batch_size")},
    "a module as architecture": setting("architecture")({"type": "os.system"}),
    "a path to a class as architecture": setting("architecture")({"type": "evil:Net"}),
    "a file as architecture": setting("architecture")({"type": "../../evil.py"}),
    "a list as the architecture's name": setting("architecture")({"type": ["mlp"]}),
    "an architecture that is text": setting("architecture")("mlp"),
    "a plugin of a vendor that is not installed": setting("architecture")({"type": "evil-plugins/net"}),
    "a loss as architecture": setting("architecture")({"type": "cross_entropy"}),
    "an architecture that brings another model": setting("architecture")({"type": "pretrained", "folder": "/etc"}),
    "a setting that nobody knows": setting("architecture", "__class__")("evil"),
    "a template as setting": setting("architecture", "activation")("{{ cycler.__init__.__globals__.os.system('id') }}"),
    "a format as setting": setting("architecture", "activation")("{0.__class__.__mro__}"),
    "layers of terabytes": setting("architecture", "hidden")([10**6, 10**6]),
    "layers beyond all numbers": setting("architecture", "hidden")([10**30]),
    "a hundred thousand layers": setting("architecture", "hidden")([1] * 100_000),
    "inputs of terabytes": setting("pipeline", "inputs", "numeric", "shape")([2**40]),
    "inputs that are text": setting("pipeline", "inputs", "numeric")("evil"),
    "a step that names a module": step(lambda said: said["plugin"].update(type="subprocess.Popen")),
    "a step without state": step(lambda said: said.pop("state")),
    "a step whose state is text": step(lambda said: said.update(state="__import__('os')")),
    "a pipeline of tomorrow": setting("pipeline", "format")(99),
    "columns that are text": setting("pipeline", "columns")("evil"),
    "no batches": setting("batch_size")(0),
    "batches of text": setting("batch_size")("64"),
    "batches of true": setting("batch_size")(True),
    "requirements that are a list": setting("requirements")(["evil @ http://127.0.0.1:9/evil.zip"]),
    "another loader": flavor(loader_module="evil"),
    "a loader of the standard library": flavor(loader_module="os"),
    "code of its own": flavor(code="code"),
    "code in a parent folder": flavor(model_code_path="../evil.py"),
    "a pickled model": flavor(python_model="python_model.pkl"),
    "data of another flavor": flavor(data="artifacts"),
    "a bundle elsewhere": flavor(artifacts={"bundle": {"path": "../elsewhere", "uri": ""}}),
    "a bundle at an absolute path": flavor(artifacts={"bundle": {"path": "/etc", "uri": ""}}),
    "a bundle of a list": flavor(artifacts={"bundle": ["artifacts/model"]}),
    "an environment of its own": flavor(env={"conda": "../evil.yaml", "virtualenv": "python_env.yaml"}),
    "another function to predict with": flavor(predict_fn="__class__"),
    "a setting for the loader": flavor(config="evil.yaml"),
    "a tag of YAML": text("flavors: !!python/object/apply:os.mkdir ['canary']\n"),
    "an object of YAML": text("!!python/object/new:evil.Thing {}\n"),
    "aliases that multiply": text("a: &a [x, x]\nb: &b [*a, *a]\nflavors: [*b, *b]\n"),
    "a merge key": text("flavors:\n  <<: {python_function: {loader_module: os}}\n"),
    "flavors twice": text("flavors: {python_function: {}}\nflavors: {sklearn: {}}\n"),
    "another flavor beside": another_flavor,
    "an MLmodel nested deeply": text("flavors: " + "[" * 50_000),
    "an MLmodel of 2 MB": text("flavors: {}\n#" + "x" * 2_000_000),
    "an empty MLmodel": text(b""),
    "no MLmodel": lambda p: (p.root / "MLmodel").unlink(),
}  # fmt: skip


@pytest.mark.parametrize("name", cases(MODELS))
def test_a_hostile_model_is_refused_and_causes_nothing(name, good, tmp_path):
    place = Place(good, tmp_path)
    MODELS[name](place)
    before = tree(tmp_path)
    own = tmp_path / "own"
    with listened(own), pytest.raises(RecipelineError) as refused:
        fetch_model(str(place.root), None, own)
    assert refused.value.exit_code in REFUSED, refused.value
    said = str(refused.value)
    assert said.isascii() or said.isprintable()
    assert len(said) > 40
    assert "nobody's business" not in said
    shutil.rmtree(own, ignore_errors=True)
    assert tree(tmp_path) == before
    assert not (tmp_path / CANARY).exists()


UNSEEN = {
    "a pickle beside the weights": lambda p: (p.bundle / "weights.pt").write_bytes(p.pickled),
    "a pickle beside MLmodel": lambda p: (p.root / "python_model.pkl").write_bytes(p.pickled),
    "code in a folder below": below,
    "code that Python would run at its start": lambda p: (p.root / "sitecustomize.py").write_text(p.code),
    "a module named as one of Python's": lambda p: (p.root / "json.py").write_text(p.code),
    "other code for MLflow": lambda p: (p.root / "model.py").write_text(p.code),
    "requirements that pip would run": lambda p: (p.root / "requirements.txt").write_text("-e /tmp/evil\n"),
    "an example that is a pickle": lambda p: (p.root / "input_example.json").write_bytes(p.pickled),
}


@pytest.mark.parametrize("name", cases(UNSEEN))
def test_what_nobody_asks_for_is_not_even_brought(name, good, tmp_path):
    place = Place(good, tmp_path)
    UNSEEN[name](place)
    before = tree(tmp_path)
    with listened(tmp_path / "own"):
        assert fetch_model(str(place.root), None, tmp_path / "own").predict(ROWS).height == 60
    brought = {path.name for path in (tmp_path / "own").rglob("*") if path.is_file()}
    assert brought == {"MLmodel", "model.json", "weights.safetensors", "manifest.json"}
    shutil.rmtree(tmp_path / "own")
    assert tree(tmp_path) == before


def test_other_code_in_a_model_is_not_run_where_mlflow_would(good, tmp_path):
    place = Place(good, tmp_path)
    (place.root / "model.py").write_text(place.code)
    assert fetch_model(str(place.root), None, tmp_path / "own").predict(ROWS).height == 60, "nobody looks at it"
    with pytest.raises(RecipelineError, match="code is not that of the recipeline that is installed") as refused:
        download(str(place.root), None, tmp_path / "checked", code=True)
    assert refused.value.exit_code == 3


class Checkpoint:
    """A hostile checkpoint's folder, sealed by whoever has made it."""

    def __init__(self, outside):
        self.outside = outside
        self.folder = outside / "hostile" / "000001.ckpt"
        self.trap = Trap(outside)
        (outside / "secret.txt").write_text("nobody's business")

    def bytes(self, content, info=None, **files):
        """A state file of these bytes."""
        self.folder.mkdir(parents=True)
        (self.folder / "state.ckpt").write_bytes(content)
        for name, more in files.items():
            (self.folder / name).write_bytes(more)
        seal(self.folder, {"epoch": 1, "step": 1} if info is None else info)

    def value(self, value):
        """A state file as we write it, of something that we would not."""
        planned(value).write(sink := io.BytesIO())
        self.bytes(sink.getvalue())

    def torch(self, value, **options):
        """A state file as torch writes it."""
        self.bytes(saved(value, **options))

    def archive(self, names, compression=zipfile.ZIP_STORED):
        self.bytes(zipped(self, names, compression))

    def pickle(self, content):
        """torch's archive with this pickle as its tree."""
        self.archive({"state/data.pkl": content, "state/version": b"3\n", "state/byteorder": b"little"})

    def tree(self, tree, tensors=None, data=b"", about=None):
        """Our own format with this tree, and tensors that are said to be there."""
        content = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
        place = {"dtype": "U8", "shape": [len(content)], "data_offsets": [len(data), len(data) + len(content)]}
        about = {"format": "recipeline checkpoint", "version": "1"} if about is None else about
        header = json.dumps({"__metadata__": about, **(tensors or {}), "tree.json": place}).encode()
        self.bytes(struct.pack("<Q", len(header)) + header + data + content)


def named_call(module, word, arguments):
    return b"\x80\x02c%b\n%b\n%b\x85R." % (module.encode(), word.encode(), arguments)


def long_number(value):
    content = value.to_bytes(value.bit_length() // 8 + 1, "little")
    return b"\x8a%c" % len(content) + content


def numbers(begin=0, end=8, dtype="F32", shape=(2,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def pointed(**more):
    """Weights that point at the tensor `w`."""
    return {"state_dict": {"w": {"$tensor": "w", **more}}}


def linked_checkpoint(c):
    c.value({"epoch": 1})
    shutil.move(c.folder, c.outside / "elsewhere")
    c.folder.symlink_to(c.outside / "elsewhere")


def linked_state(c):
    c.value({"epoch": 1})
    shutil.move(c.folder / "state.ckpt", c.outside / "state.ckpt")
    (c.folder / "state.ckpt").symlink_to(c.outside / "state.ckpt")


def pipe_state(c):
    c.value({"epoch": 1})
    (c.folder / "state.ckpt").unlink()
    os.mkfifo(c.folder / "state.ckpt")


def scripted(c):
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        torch.jit.save(torch.jit.trace(torch.nn.Linear(1, 1), torch.zeros(1, 1)), sink := io.BytesIO())
    c.bytes(sink.getvalue())


def tarred(c):
    with tarfile.open(fileobj=(sink := io.BytesIO()), mode="w") as archive:
        for name in ("../canary", "storages", "tensors", "pickle"):
            content = pickle.dumps(c.trap)
            said = tarfile.TarInfo(name)
            said.size = len(content)
            archive.addfile(said, io.BytesIO(content))
    c.bytes(sink.getvalue())


GOOD = safetensors.torch.save(
    {"tree.json": torch.tensor(list(b'{"epoch":1}'), dtype=torch.uint8)},
    {"format": "recipeline checkpoint", "version": "1"},
)

CHECKPOINTS = {
    # As torch writes them, and checkpoints were at first.
    "a trap alone": lambda c: c.torch(c.trap),
    "a trap among the weights": lambda c: c.torch({"state_dict": {"w": c.trap}}),
    "a trap in what we add": lambda c: c.torch({"recipeline": {"processes": [c.trap]}}),
    "a trap as torch wrote before archives": lambda c: c.torch({"w": c.trap}, _use_new_zipfile_serialization=False),
    "harmless, as torch writes it": lambda c: c.torch({"epoch": 1, "state_dict": {}}),
    "a plain pickle": lambda c: c.bytes(pickle.dumps(c.trap)),
    "a pickle of protocol 0": lambda c: c.bytes(pickle.dumps(c.trap, protocol=0)),
    "a trap as a key": lambda c: c.bytes(pickle.dumps({("a", 1): c.trap})),
    "a tar": tarred,
    "a program of torch": scripted,
    "os.system": lambda c: c.pickle(named_call("os", "system", b"X\x02\x00\x00\x00id")),
    "torch.load": lambda c: c.pickle(named_call("torch", "load", b"X\x0b\x00\x00\x00/etc/passwd")),
    "a name by the stack": lambda c: c.pickle(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R."),
    "a terabyte of zeros": lambda c: c.pickle(named_call("builtins", "bytearray", long_number(2**40))),
    "an archive that is packed": lambda c: c.archive({"state/data.pkl": bytes(10**7)}, zipfile.ZIP_DEFLATED),
    "a path upwards in an archive": lambda c: c.archive({"../../canary": b"1"}),
    # In our own format.
    "a call": lambda c: c.tree({"epoch": {"$call": ["os.system", "id"]}}),
    "an object": lambda c: c.tree({"epoch": {"$object": "os.system"}}),
    "a reduction": lambda c: c.tree({"callbacks": {"x": {"$reduce": ["os.system", ["id"]]}}}),
    "bytes of the wrong form": lambda c: c.tree({"callbacks": {"$bytes": "gASVIQ*"}}),
    "a function of torch as a kind of number": lambda c: c.tree({"callbacks": {"x": {"$dtype": "load"}}}),
    "a module of torch as a kind of number": lambda c: c.tree({"callbacks": {"x": {"$dtype": "_dynamo"}}}),
    "a program as a device": lambda c: c.tree({"callbacks": {"x": {"$device": "cuda:0; id"}}}),
    "a class as an attribute": lambda c: c.tree({"state_dict": {"$ordered": [{}, {"__class__": {"a": 1}}]}}),
    "two kinds at once": lambda c: c.tree({"epoch": {"$tuple": [1], "$list": [1]}}),
    "a tree nested deeply": lambda c: c.tree(b"[" * 100_000 + b"]" * 100_000),
    "a tree nested too deeply": lambda c: c.tree(b'{"a":' + b"[" * 80 + b"]" * 80 + b"}"),
    "a tree cut off": lambda c: c.tree(b'{"epoch": 1'),
    "a number of a million digits": lambda c: c.tree(b'{"epoch": 1' + b"0" * 1_000_000 + b"}"),
    "a number that is none": lambda c: c.tree(b'{"epoch": NaN}'),
    "a key twice": lambda c: c.tree(b'{"epoch": 1, "epoch": 2}'),
    "a key twice in pairs": lambda c: c.tree({"loops": {"$dict": [[1, 2], [1, 3]]}}),
    "a key that can't be one": lambda c: c.tree({"loops": {"$dict": [[[1], 2]]}}),
    "half a character": lambda c: c.tree(b'{"epoch": "\\ud800"}'),
    "a tree that is no text": lambda c: c.tree(b"\xff\xfe\x00"),
    "no tree": lambda c: c.bytes(struct.pack("<Q", 2) + b"{}"),
    "two trees": lambda c: c.tree({"epoch": 1}, {"tree.json ": numbers()}, bytes(8)),
    "a tensor beyond the end": lambda c: c.tree(pointed(), {"w": numbers(10**9, 10**9 + 8)}),
    "tensors over each other": lambda c: c.tree(pointed(), {"w": numbers(), "v": numbers(4, 12)}, bytes(12)),
    "one place for two tensors": lambda c: c.tree(pointed(), {"w": numbers(), "v": numbers()}, bytes(8)),
    "a gap between tensors": lambda c: c.tree(pointed(), {"w": numbers(8, 16)}, bytes(16)),
    "an end before the beginning": lambda c: c.tree(pointed(), {"w": numbers(8, 0)}, bytes(8)),
    "a tensor of terabytes": lambda c: c.tree(pointed(), {"w": numbers(shape=[2**40])}, bytes(8)),
    "a tensor whose size runs over": lambda c: c.tree(pointed(), {"w": numbers(shape=[2**62, 8])}, bytes(8)),
    "nothing, in a shape that runs over": lambda c: c.tree(pointed(), {"w": numbers(0, 0, shape=[0, 2**62, 2**62])}),
    "a tensor of less than nothing": lambda c: c.tree(pointed(), {"w": numbers(shape=[-1, -2])}, bytes(8)),
    "numbers of no kind": lambda c: c.tree(pointed(), {"w": numbers(dtype="PICKLE")}, bytes(8)),
    "strides that lead outside": lambda c: c.tree(pointed(strides=[2**40]), {"w": numbers()}, bytes(8)),
    "strides that repeat": lambda c: c.tree(pointed(strides=[0]), {"w": numbers()}, bytes(8)),
    "a truth that is neither": lambda c: c.tree(pointed(), {"w": numbers(dtype="BOOL", shape=[8])}, b"\7" * 8),
    "a path to a file as a tensor": lambda c: c.tree({"state_dict": {"w": {"$tensor": "../../secret.txt"}}}),
    "a tensor with a path as its name": lambda c: c.tree({"epoch": 1}, {"../../canary": numbers()}, bytes(8)),
    "a tensor that nothing names": lambda c: c.tree({"epoch": 1}, {"w": numbers()}, bytes(8)),
    "a tensor as a key": lambda c: c.tree({"loops": {"$dict": [[{"$tensor": "w"}, 1]]}}, {"w": numbers()}, bytes(8)),
    "a header longer than the file": lambda c: c.bytes(struct.pack("<Q", 10**6) + b"{}"),
    "a header of exabytes": lambda c: c.bytes(b"\xff" * 8 + b"{}"),
    "a header nested deeply": lambda c: c.bytes(struct.pack("<Q", 100_000) + b"[" * 100_000),
    "a header that says something twice": lambda c: c.bytes(struct.pack("<Q", 16) + b'{"a": 1, "a": 2}'),
    "a model's weights": lambda c: c.bytes(safetensors.torch.save({"w": torch.zeros(2)})),
    "a version to come": lambda c: c.tree({}, about={"format": "recipeline checkpoint", "version": "9"}),
    "nothing": lambda c: c.bytes(b""),
    "text": lambda c: c.bytes(b"import os\nos.system('id')\n"),
    "a list": lambda c: c.value([1, 2]),
    "weights that are a list": lambda c: c.value({"state_dict": [1]}),
    "weights that are text": lambda c: c.value({"state_dict": {"w": "evil"}}),
    "an epoch that is text": lambda c: c.value({"epoch": "1"}),
    "a file beside": lambda c: c.bytes(GOOD, **{"evil.py": b"import os"}),
    "a state by another name": lambda c: (c.bytes(b"", **{"weights.pkl": b"1"}), (c.folder / "state.ckpt").unlink()),
    "a link as checkpoint": linked_checkpoint,
    "a link as state": linked_state,
    "a pipe as state": pipe_state,
}


def test_one_that_is_not_hostile_is_read(tmp_path):
    made = Checkpoint(tmp_path)
    made.bytes(GOOD)
    assert DurableCheckpointIO().load_checkpoint(made.folder) == {"epoch": 1}
    shutil.rmtree(made.folder)
    made.tree(pointed(strides=[1]), {"w": numbers()}, struct.pack("<2f", 1, 2))
    assert DurableCheckpointIO().load_checkpoint(made.folder)["state_dict"]["w"].tolist() == [1, 2]


@pytest.mark.parametrize("name", cases(CHECKPOINTS))
def test_a_hostile_checkpoint_is_refused_and_causes_nothing(name, tmp_path):
    made = Checkpoint(tmp_path)
    CHECKPOINTS[name](made)
    before = tree(tmp_path)
    with listened(tmp_path / "own"), pytest.raises(RecipelineError) as refused:
        DurableCheckpointIO().load_checkpoint(made.folder)
    assert refused.value.exit_code in REFUSED, refused.value
    assert len(str(refused.value)) > 40
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "info",
    [
        {"epoch": 1, "step": 1, "best": "../../secret.txt"},
        {"epoch": 1, "step": 1, "best": "/etc"},
        {"epoch": 1, "step": 1, "best": 7},
        {"epoch": 1, "step": 1, "best": "best-\0.ckpt"},
        {"epoch": 1, "step": 1, "best": "best-00009.ckpt"},
        {"epoch": "1", "step": 1},
        {"step": 1},
        {},
    ],
)
def test_a_manifest_that_names_what_is_not_there_makes_no_checkpoint(info, tmp_path):
    made = Checkpoint(tmp_path)
    made.bytes(GOOD, info)
    found = find_checkpoints(made.folder.parent)
    assert found.newest is None
    assert len(found.damaged) == 1


VALUES = ["evil", "os", "../evil.py", "/etc/passwd", "", None, True, 0, -1, 10**12, [], ["evil"], {}, {"evil": "os"},
          "mlflow.sklearn", "mlflow.pyfunc.model", "!!python/name:os.system", "{{ 7 * 7 }}", "${env:HOME}",
          "artifacts/../../evil", "http://127.0.0.1:9/evil", "python_model.pkl"]  # fmt: skip
KEYS = ["python_model", "code", "data", "loader_module", "predict_fn", "config", "model_code_path", "evil", "sklearn",
        "model_config", "env", "artifacts", "streamable", "mlflow_version", "signature"]  # fmt: skip


def places(value, path=()):
    """Every place in a document, by its path."""
    yield path
    if isinstance(value, dict):
        for key, below in value.items():
            yield from places(below, (*path, key))


def mutated(content, lot):
    """Another MLmodel, changed at random in its bytes or in what it says."""
    kind = lot.randrange(6)
    if kind == 0:
        at = lot.randrange(len(content))
        return content[:at] + bytes([content[at] ^ (1 << lot.randrange(8))]) + content[at + 1 :]
    if kind == 1:
        start, length = lot.randrange(len(content)), lot.randrange(1, 60)
        return content[:start] + content[start + length :]
    if kind == 2:
        lines = content.splitlines(keepends=True)
        one, other = lot.randrange(len(lines)), lot.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one] if lot.random() < 0.5 else lines[other]
        return b"".join(lines)
    said = yaml.safe_load(content)
    path = lot.choice([p for p in places(said) if p and (p[0] == "flavors" or lot.random() < 0.2)])
    at = said
    for key in path[:-1]:
        at = at[key]
    if kind == 3:
        del at[path[-1]]
    elif kind == 4 and isinstance(at[path[-1]], dict):
        at[path[-1]][lot.choice(KEYS)] = lot.choice(VALUES)
    else:
        at[path[-1]] = lot.choice(VALUES)
    return yaml.safe_dump(said).encode()


@pytest.mark.faults
def test_of_200_changes_of_an_mlmodel_none_is_run(good, tmp_path):
    """Each is refused, or changes nothing in what is loaded; what is not refused harms nobody who serves it either."""
    import mlflow.pyfunc

    place = Place(good, tmp_path)
    content = (place.root / "MLmodel").read_bytes()
    for name in ("evil.py", "python_model.pkl"):
        (place.root / name).write_bytes(place.pickled if name.endswith("pkl") else place.code.encode())
    expected = fetch_model(str(place.root), None, tmp_path / "own").predict(ROWS)
    mlflow.pyfunc.load_model(str(place.root), suppress_warnings=True)
    lot = random.Random(20)
    refused = kept = 0
    for _round in range(200):
        changed = mutated(content, lot)
        (place.root / "MLmodel").write_bytes(changed)
        shutil.rmtree(tmp_path / "own")
        (tmp_path / "own").mkdir()
        before = tree(tmp_path)
        with listened(tmp_path / "own"):
            found = outcome(lambda: fetch_model(str(place.root), None, tmp_path / "own").predict(ROWS))
            if isinstance(found, RecipelineError):
                refused += 1
                assert found.exit_code in REFUSED, (changed, found)
            else:
                kept += 1
                assert found.equals(expected), changed
        if not isinstance(found, RecipelineError):
            with listened(tmp_path / "own", mlflow=True):
                served = outcome(lambda: mlflow.pyfunc.load_model(str(place.root), suppress_warnings=True))
            assert "evil" not in str(served), changed
        assert {k: v for k, v in tree(tmp_path).items() if not k.startswith("own/")} == before
    assert refused + kept == 200
    assert refused > 60
    assert not (tmp_path / CANARY).exists()


def outcome(call):
    """What it gives, or the error that it ends with."""
    try:
        return call()
    except Exception as error:
        return error
