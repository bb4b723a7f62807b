import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recipeline.cli.main import main

SHORT = "name: x\narchitecture: mlp\ndata: {source: {type: csv, path: x.csv}, target: y}\n"


def test_right_ones_are_ok(good_file, capsys):
    assert main(["validate", str(good_file), str(good_file)]) == 0
    assert capsys.readouterr() == (f"{good_file}: ok\n" * 2, "")


def test_wrong_ones_are_told_all_at_once(good_file, capsys):
    other = good_file.with_name("other.yaml")
    other.write_text("nmae: x\n")
    good_file.write_text(good_file.read_text().replace("lr: 0.001", "lr: abc").replace("seed: 7", "seed: -1"))
    assert main(["validate", str(good_file), str(other), str(good_file.with_name("no.yaml"))]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith(f"{good_file}:5:7  seed: expected a whole number")
    assert lines[1].startswith(f"{good_file}:39:7  optimizer.lr: expected a number above 0 (found 'abc').")
    assert any(line.startswith(f"{other}:1:1  nmae: a recipe has no setting 'nmae'") for line in lines)
    assert "no.yaml: there is no such file" in lines[-1]
    assert "Traceback" not in err


def test_for_machines(good_file, capsys):
    assert main(["validate", str(good_file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["validate", str(good_file), "--json", "optimizer.lr=abc"]) == 2
    [problem] = json.loads(capsys.readouterr().out)
    assert problem == {
        "file": "override 'optimizer.lr=abc'", "line": None, "column": None, "path": "optimizer.lr",
        "message": "expected a number above 0", "found": "'abc'", "suggestion": None,
    }  # fmt: skip


def test_overrides_behind_or_by_option(good_file, capsys):
    assert main(["validate", str(good_file), "seed=-1"]) == 2
    assert main(["validate", "--set", "seed=-1", str(good_file)]) == 2
    assert main(["validate", str(good_file), "~scheduler", "seed=3"]) == 0
    assert "override 'seed=-1'" in capsys.readouterr().err


def test_overrides_need_a_recipe(capsys):
    assert main(["validate", "seed=1"]) == 2
    assert "no RECIPE is given, only overrides" in capsys.readouterr().err


HOSTILE = {
    "python tag": "name: !!python/object/apply:os.system ['touch CANARY']",
    "python name": "name: !!python/name:os.system ''",
    "python module": "name: !!python/module:antigravity ''",
    "python new": "name: !!python/object/new:subprocess.Popen [['touch', 'CANARY']]",
    "tag as key": "? !!python/object/apply:os.system ['touch CANARY']\n: x",
    "tag on the top": "!!python/object/apply:os.system ['touch CANARY']",
    "tag directive": "%TAG ! tag:yaml.org,2002:python/\n---\nname: !object/apply:os.system [ls]",
    "binary": "name: !!binary aGVsbG8=",
    "timestamp": "name: !!timestamp 2001-01-01",
    "include": "name: !include /etc/passwd",
    "constructor": "name: !!map {a: 1}",
    "alias bomb": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: &d [*c,*c]\nname: *d",
    "self reference": "name: &a [*a]",
    "merge": "<<: {name: x}",
    "nesting": "name: " + "[" * 50_000,
    "nested mappings": "name: " + "{a: " * 20_000,
    "long number": "seed: " + "9" * 200_000,
    "five megabytes": "name: " + "x" * 5_000_000,
    "many values": "name: [" + "1," * 100_000 + "]",
    "many keys": "\n".join(f"k{i}: 1" for i in range(20_000)),
    "import path": SHORT + "loss: os.system",
    "import path with colon": SHORT + "loss: 'os:system'",
    "class path": SHORT + "loss: {class_path: os.system, init_args: {command: touch CANARY}}",
    "target": SHORT + "loss: {_target_: os.system, command: touch CANARY}",
    "module of ours": SHORT + "loss: recipeline_plugins.loss.huber:Huber",
    "unimported module": SHORT + "loss: antigravity",
    "parent folder": SHORT + "loss: ../../etc/passwd",
    "absolute name": SHORT + "loss: /bin/sh",
    "vendor path": SHORT + "loss: ../recipeline/huber",
    "dunder": SHORT + "loss: __class__",
    "dunder key": SHORT + "__class__: x\n__init__: y\n__reduce__: z",
    "dunder setting": SHORT + "optimizer: {type: adam, __class__: x, model_config: {}, _written: {}}",
    "private attribute": SHORT + "_text: hello",
    "validator": SHORT + "optimizer: {type: adam, build: x, model_fields: x}",
    "format string": SHORT + "seed: '{0.__class__.__mro__} %(x)s {message}'",
    "format string as a name": SHORT + "loss: '{0.__class__.__init__.__globals__}'",
    "environment": SHORT + "description: '${env:HOME}'",
    "environment as plugin": SHORT + "loss: '${env:HOME}'",
    "environment in a key": SHORT + "tracking: {tags: {'${env:HOME}': x}}",
    "other resolver": SHORT + "tracking: {uri: '${oc.env:HOME}'}",
    "shell": SHORT + "tracking: {uri: '$(touch CANARY)', tags: {a: '`touch CANARY`'}}\nseed: x",
    "jinja": SHORT + "name: '{{ cycler.__init__.__globals__.os.popen(1) }}'\nseed: x",
    "eval": SHORT + "seed: __import__('os').system('touch CANARY')",
    "lambda": SHORT + "optimizer: {type: adam, lr: 'lambda: __import__(\"os\")'}",
    "schema of elsewhere": "$schema: http://127.0.0.1:9/x.json\n" + SHORT + "seed: x",
    "source elsewhere": SHORT.replace("x.csv", "http://127.0.0.1:9/x.csv") + "seed: x",
    "device as data": SHORT.replace("x.csv", "/dev/zero") + "seed: x",
    "tracking elsewhere": SHORT + "tracking: {uri: 'http://127.0.0.1:9'}\nseed: x",
    "control characters": "name: \x1b]0;owned\x07",
    "escape in a name": SHORT + 'loss: "\\e]0;owned\\a"',
    "nul": "name: a\0b",
    "half a pair": 'name: "\\ud800"',
    "right to left": SHORT + "loss: \u202ekcab",
    "not text": "\xff\xfe\xfd",
    "huge exponent": SHORT + "optimizer: {type: adam, lr: 1e999999999}",
    "quadratic key": "? " + "a" * 2000 + "\n: x\n" + ("[" * 30 + "]" * 30),
}

PROBE = """
import json, sys
from recipeline.cli.main import main
import recipeline.recipe.wording, recipeline.families.documentation, recipeline.cli.validate, traceback, ast, textwrap
from recipeline.catalog import installed
for entry in installed():
    entry.load()
main(["validate", sys.argv[1]])
events = []
watching = False
def hook(event, arguments):
    if not watching:
        return
    if event in ("import", "socket.connect", "socket.__new__", "subprocess.Popen", "os.system", "os.exec", "os.fork",
                 "os.posix_spawn", "os.remove", "os.rename", "os.mkdir", "os.putenv", "exec", "compile",
                 "pickle.find_class", "ctypes.dlopen", "shutil.copyfile", "urllib.Request"):
        events.append([event, str(arguments)[:200]])
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        events.append([event, str(arguments)[:200]])
sys.addaudithook(hook)
result = {}
for path in sys.argv[2:]:
    before = set(sys.modules)
    watching = True
    code = main(["validate", path])
    watching = False
    result[path] = [code, list(events), sorted(set(sys.modules) - before)]
    events.clear()
print(json.dumps(result))
"""


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """What happened while each hostile recipe was validated, by an audit hook in a process of its own."""
    folder = tmp_path_factory.mktemp("hostile")
    from_good = folder / "warm.yaml"
    # One of each kind of mistake, so that what is imported for the first error is there before anybody watches.
    text = SHORT.replace("architecture: mlp\n", "sede: 1\n") + "loss: {type: hubr}\noptimizer: {type: adam, lr: abc}\n"
    from_good.write_text(text + "training: {batch_size: x}\n")
    paths = {}
    for number, (name, text) in enumerate(HOSTILE.items()):
        path = folder / f"{number}.yaml"
        path.write_bytes(text.encode("latin-1" if name == "not text" else "utf-8", "surrogatepass"))
        paths[name] = str(path)
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", PROBE, str(from_good), *paths.values()],
        cwd=folder, capture_output=True, text=True, check=True, timeout=300,
        env={**os.environ, "HOME": "/home/hidden-name"},
    )  # fmt: skip
    result = json.loads(done.stdout.splitlines()[-1])
    return {name: result[path] for name, path in paths.items()}, done.stderr, folder


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_refused_and_causes_nothing(watched, name):
    code, events, imported = watched[0][name]
    assert code == 2
    assert events == []
    assert imported == []


def test_what_is_said_of_hostile_recipes_is_safe_to_print(watched):
    results, said, folder = watched
    assert len(results) >= 40
    assert "Traceback" not in said
    assert "hidden-name" not in said
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert not list(Path(folder).rglob("CANARY"))
    for line in said.splitlines():
        assert line.startswith(str(folder)), line
        assert len(line) < 1000
    for number in range(len(HOSTILE)):
        assert f"{folder}/{number}.yaml:" in said


def test_a_sane_recipe_that_is_long_is_quick(good_file, good):
    columns = "".join(f"    c{i}: numeric\n" for i in range(5000))
    good_file.write_text(good.replace("    zip: categorical\n", columns))
    assert main(["validate", str(good_file)]) == 0
