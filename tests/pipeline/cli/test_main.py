import errno
import json
import signal
import subprocess
import sys

import click
import pytest

from recipeline import __version__
from recipeline.cli import main as door
from recipeline.cli.main import COMMANDS, main
from recipeline.errors import DataError, EnvironmentFault, Interrupted, Problem, RecipelineError, UnsafeError

HEAVY = {"torch", "pytorch_lightning", "mlflow", "pandas", "polars", "numpy", "sklearn", "matplotlib", "torchmetrics"}


@pytest.fixture
def failing(monkeypatch):
    """A command line whose one command, `fail`, raises what it is given."""

    def make(error):
        @click.command()
        @click.option("--json", "as_json", is_flag=True)
        def command(as_json):
            raise error

        monkeypatch.setattr(door.Commands, "get_command", lambda self, ctx, name: command)
        monkeypatch.setitem(COMMANDS, "fail", "Fail.")

    return make


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (DataError(Problem("wrong", file="x.csv", row=3, suggestion="Mend it.")), 2, "x.csv, row 3: wrong. Mend it.\n"),
        (UnsafeError("no"), 3, "no.\n"),
        (EnvironmentFault("no disk"), 4, "no disk.\n"),
        (Interrupted(signal.SIGTERM), 143, "Ended by SIGTERM.\n"),
        (KeyboardInterrupt(), 130, "Interrupted by Ctrl-C (SIGINT).\n"),
        (click.Abort(), 130, "Interrupted by Ctrl-C (SIGINT).\n"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), 2, "No such file or directory: x.\n"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 4, "No space left on device: x.\n"),
        (MemoryError(), 4, "memory ran out. A smaller network or `training.batch_size` takes less.\n"),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried to "
                "allocate 40 bytes. Error code 12"
            ),
            4,
            "memory ran out (found 40 bytes wanted at once). A smaller network or `training.batch_size` takes less.\n",
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8 GiB"),
            4,
            "memory ran out (found 20.00 GiB wanted at once). A smaller network or `training.batch_size` takes less.\n",
        ),
    ],
)
def test_every_error_ends_in_lines_and_a_code(failing, capsys, error, code, says):
    failing(error)
    assert main(["fail"]) == code
    out, err = capsys.readouterr()
    assert (out, err) == ("", says)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), RecipelineError("ours"), AssertionError()])
def test_a_fault_of_ours_says_how_to_report_it(failing, capsys, monkeypatch, error):
    failing(error)
    monkeypatch.delenv("RECIPELINE_DEBUG", raising=False)
    assert main(["fail"]) == 1
    err = capsys.readouterr().err
    assert "This is a fault of recipeline, not of yours. Please report it" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("way", ["option", "option behind", "variable"])
def test_the_traceback_is_there_when_asked_for(failing, capsys, monkeypatch, way):
    failing(ZeroDivisionError("by zero"))
    if way == "variable":
        monkeypatch.setenv("RECIPELINE_DEBUG", "1")
    calls = {"option": ["--debug", "fail"], "option behind": ["fail", "--debug"], "variable": ["fail"]}
    assert main(calls[way]) == 1
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_with_json_an_error_is_a_document(failing, capsys):
    failing(DataError(Problem("wrong", file="x.csv", row=3, field="age", found="'x'")))
    assert main(["fail", "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "exit_code": 2,
        "problems": [
            {"file": "x.csv", "line": None, "column": None, "path": "", "message": "wrong", "found": "'x'",
             "suggestion": None, "row": 3, "field": "age"}
        ],
    }  # fmt: skip
    assert err == "x.csv, row 3, column 'age': wrong (found 'x').\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["validat"], "there is no command 'validat'. Did you mean 'validate'? See: recipeline --help\n"),
        (["xyzzy"], "there is no command 'xyzzy'. See: recipeline --help\n"),
        (["--versoin"], "there is no option '--versoin'. Did you mean '--version'? See: recipeline --help\n"),
        (["run", "r.yaml", "--seed", "3"],
         "there is no option '--seed'. A setting is changed without dashes, as in optimizer.lr=0.01. "
         "See: recipeline run --help\n"),
        (["validate", "--jsn", "x"],
         "there is no option '--jsn'. Did you mean '--json'? See: recipeline validate --help\n"),
        (["run", "--hlp"], "there is no option '--hlp'. Did you mean '--help'? See: recipeline run --help\n"),
        (["validate"], "recipeline validate: RECIPE... [K=V ...] is missing. See: recipeline validate --help\n"),
        (["schema", "-o"], "recipeline schema: option '-o' requires an argument. See: recipeline schema --help\n"),
        (["completion", "tcsh"],
         "recipeline completion: invalid value for '{bash|zsh|fish}': 'tcsh' is not one of 'bash', 'zsh', 'fish'. "
         "See: recipeline completion --help\n"),
    ],
)  # fmt: skip
def test_a_wrong_call_is_said_in_one_line(capsys, arguments, says):
    assert main(arguments) == 2
    assert capsys.readouterr().err == says


def test_a_reader_that_has_gone_is_no_error(failing, capsys):
    failing(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert main(["fail"]) == 141
    assert capsys.readouterr() == ("", "")


def test_a_closed_pipe_leaves_nothing_on_stderr():
    command = f"{sys.executable} -c '{_call(['plugins'])}' | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, line in COMMANDS.items():
        assert f"  {name} " in out
        assert line in out


@pytest.mark.parametrize("arguments", [[], ["-h"]])
def test_nothing_and_h_are_calls_for_help(capsys, arguments):
    assert main(arguments) == 0
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"recipeline {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_what_it_does(capsys, name):
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert f"Usage: recipeline {name}" in out
    assert len(out.splitlines()) > 4


def _call(arguments):
    return f"from recipeline.cli.main import main; main({arguments!r})".replace("'", '"')


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["plugins", "--json"], ["plugins"], ["schema"], ["validate", "RECIPE"], ["validate", "WRONG"]],
)
def test_quick_commands_load_nothing_heavy(good_file, arguments):
    wrong = good_file.with_name("wrong.yaml")
    wrong.write_text(good_file.read_text().replace("lr: 0.001", "lrr: abc"))
    places = {"RECIPE": str(good_file), "WRONG": str(wrong)}
    code = _call([places.get(argument, argument) for argument in arguments])
    code += f'; import sys; print(",".join(sorted({HEAVY!r} & set(sys.modules))), file=sys.stderr)'
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == ""
    assert done.stdout or "WRONG" in arguments


def test_completion_of_commands():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from recipeline.cli.main import main; sys.exit(main())"],
        env={"_RECIPELINE_COMPLETE": "bash_complete", "COMP_WORDS": "recipeline val", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "validate" in done.stdout
    assert "plugins" not in done.stdout
