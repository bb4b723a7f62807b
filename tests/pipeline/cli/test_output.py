import io
import json
import math
import sys
import warnings

from recipeline.cli import output
from recipeline.cli.output import echo, emit_json, is_terminal, note, problem_document, table, warnings_in_a_line
from recipeline.errors import Problem


def test_results_go_to_stdout_and_the_rest_to_stderr(capsys):
    echo("result")
    note("under way")
    assert capsys.readouterr() == ("result\n", "under way\n")


def test_json_has_null_where_it_has_no_number(capsys):
    emit_json({"a": math.nan, "b": [math.inf, 1.5], "c": "é", "d": {"e": -math.inf}})
    out = capsys.readouterr().out
    assert json.loads(out) == {"a": None, "b": [None, 1.5], "c": "é", "d": {"e": None}}
    assert "é" in out


def test_a_table_in_a_pipe_is_a_line_a_row_without_colours(capsys):
    table(("name", "value"), [("x" * 200, 1), ("[b]y[/b]", None)], title="numbers", right=["value"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "numbers"
    assert len(lines) == 5
    assert "x" * 200 in lines[3]
    assert "[b]y[/b]" in lines[4]
    assert "\x1b" not in "".join(lines)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_warnings_are_a_line_each_and_told_once(capsys):
    with warnings_in_a_line():
        warnings.simplefilter("always")
        for _ in range(2):
            warnings.warn("first\n  line", UserWarning, stacklevel=1)
        library = "/x/lib/python3.11/site-packages/some_library/deep/file.py"
        warnings.warn_explicit("of theirs", UserWarning, library, 3)
        warnings.filterwarnings("ignore")
        warnings.warn("not wanted", UserWarning, stacklevel=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "warning: first line\nwarning of some_library: of theirs\n"


def test_no_color_is_honoured(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "stdout", Terminal())
    table(("name",), [("x",)], title="numbers")
    assert "\x1b[3" not in sys.stdout.getvalue()
    assert is_terminal()


def test_a_problem_for_machines():
    assert list(problem_document(Problem("m", path="a.b", file="f", line=1, column=2))) == [
        "file", "line", "column", "path", "message", "found", "suggestion"
    ]  # fmt: skip


def test_a_table_in_a_pipe_is_drawn_as_rich_draws_it(capsys, monkeypatch):
    rows = [["adam", 1, None], ["a longer name", 22.5, "x"]]
    drawn = []
    for plain in (True, False):
        monkeypatch.setattr(output, "_is_plain", lambda cell, plain=plain: plain)
        output.table(["name", "much", "note"], rows, title="A title", right=["much"])
        drawn.append(capsys.readouterr().out)
    assert drawn[0] == drawn[1]
    assert drawn[0].splitlines()[1] == "name            much   note"
