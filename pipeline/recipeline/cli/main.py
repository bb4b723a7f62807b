"""The door of the command line: finds the command, runs it, and turns every exception into lines and an exit code.

A command `x` lives in `recipeline/cli/x.py` as a click command object named `command`, and is listed in `COMMANDS`
below. Its file is imported when it is called, not before, so that `--help` is quick. A command

- raises `RecipelineError` for whatever goes wrong, and never prints an error or exits by itself;
- returns None or 0 when all went well, another number to end with that exit code;
- takes `@json_option` from `recipeline.cli.output` when there is something to read by machine, and then writes one
  document with `emit_json`; errors become a document too, by what stands here;
- writes results with `recipeline.cli.output.echo` (stdout) and progress with `note` (stderr).
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import importlib
import os
import re
import shlex
import sys
from collections.abc import Sequence
from typing import TextIO, cast

import click

from recipeline import secrecy
from recipeline.cli.output import examples, warnings_in_a_line
from recipeline.collector import collecting_seldom
from recipeline.errors import Interrupted, Problem, RecipelineError, UsageError
from recipeline.nearest import did_you_mean

COMMANDS = {
    "init": "Write a commented starter recipe from a look at the data.",
    "validate": "Check recipes: all errors at once, by file, line and column.",
    "plan": "Show what a run would do; train nothing.",
    "run": "Train, evaluate, log; ends with what to do next.",
    "resume": "Go on with a run that was killed, interrupted or has failed.",
    "reproduce": "Run a run again, and say how close it came.",
    "predict": "Raw rows in, predictions out.",
    "compare": "What differs between runs, and what it did to the metrics.",
    "plugins": "What is installed, and the settings of a plugin.",
    "schema": "The JSON schema of a recipe, for editors.",
    "sync": "Send what a tracking outage kept back.",
    "ui": "Open the MLflow UI on this machine.",
    "doctor": "What works here, and what to do about what doesn't.",
    "completion": "Print the shell script that completes commands.",
}
"""Every command and its line in `--help`, known without importing it; in the order in which a user meets them."""

SHOWING_RUNS = ("run", "resume", "reproduce", "predict", "compare", "export", "ui")
"""Commands that must not meet a run as RUNNING whose process was killed."""

PROGRAM = "recipeline"
OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory", "MPS backend out of memory")
"""What torch says on its devices, in a RuntimeError."""
REPORT = "This is a fault of recipeline, not of yours."


class Commands(click.Group):
    """The commands by name, imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f"recipeline.cli.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first argument names, or the nearest name as advice."""
        if not ctx.resilient_parsing and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise UsageError(_unknown("command", args[0], list(COMMANDS), f"{PROGRAM} --help"))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        import recipeline

        click.echo(f"{PROGRAM} {recipeline.__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "recipeline init my_table.csv --target price -o recipe.yaml",
        "recipeline run recipe.yaml",
        "recipeline ui",
    ),
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error (also: RECIPELINE_DEBUG=1).")
def cli(debug: bool) -> None:
    """Train models from a short YAML recipe; every run complete in MLflow."""


def main(args: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code: 0, 1, 2, 3, 4, 130 or 143."""
    before = sys.stderr
    sys.stderr = cast("TextIO", secrecy.Hiding(before))  # what libraries say there, too
    try:
        return _main(list(sys.argv[1:] if args is None else args))
    finally:
        sys.stderr = before


def _main(arguments: list[str]) -> int:
    if os.environ.get("_RECIPELINE_COMPLETE"):
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, PROGRAM, "_RECIPELINE_COMPLETE", os.environ["_RECIPELINE_COMPLETE"])
    try:
        with collecting_seldom():
            code = _run(arguments)
        sys.stdout.flush()
    except BaseException as error:
        if isinstance(error, (SystemExit, GeneratorExit)):
            raise
        code = _failed(error, arguments)
    return code


def _run(arguments: list[str]) -> int:
    if not arguments:
        arguments = ["--help"]
    try:
        given = [argument for argument in arguments if argument != "--debug"]  # read by `_failed`, wherever it stands
        if given[0] in SHOWING_RUNS and "--help" not in given:
            from recipeline.cli.killed import mark

            mark()
        with warnings_in_a_line(), cli.make_context(PROGRAM, given) as context:
            result = cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    return result if isinstance(result, int) else 0


def _failed(error: BaseException, arguments: list[str]) -> int:
    """Say what went wrong on stderr (with `--json` on stdout too) and return the exit code."""
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        _silence_stdout()
        return 141
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        error = Interrupted(2)
    for argument in arguments:
        secrecy.remember_addresses(argument)
    problems, code = _problems(error, arguments)
    shown = RecipelineError(*problems)
    shown.reword(secrecy.hide)
    problems = shown.problems
    machine = "--json" in arguments
    if machine:
        from recipeline.cli.output import emit_json, problem_document

        emit_json({"exit_code": code, "problems": [problem_document(problem) for problem in problems]})
    for problem in problems:
        print(problem, file=sys.stderr)
    if code == 1:
        debug = "--debug" in arguments or os.environ.get("RECIPELINE_DEBUG", "") not in ("", "0")
        if debug:
            import traceback

            traceback.print_exception(error, file=sys.stderr)
        else:
            print(
                f"{REPORT} Please report it with the command and this text; for the traceback: "
                f"RECIPELINE_DEBUG=1 {PROGRAM} {shlex.join(arguments)}",
                file=sys.stderr,
            )
    return code


def _silence_stdout() -> None:
    """Whoever read our output has gone: nothing to say, and Python's flush at the end must not complain either."""
    with contextlib.suppress(OSError, ValueError):  # stdout may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _problems(error: BaseException, arguments: list[str]) -> tuple[list[Problem], int]:
    if isinstance(error, Interrupted):
        return error.problems, error.code
    if isinstance(error, RecipelineError):
        return error.problems, error.exit_code
    if isinstance(error, click.ClickException):
        return [_usage(error, arguments)], UsageError.exit_code
    if isinstance(error, PermissionError | FileNotFoundError | IsADirectoryError | NotADirectoryError):
        return [Problem(f"{error.strerror}: {error.filename}")], UsageError.exit_code
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EMFILE):
        return [Problem(f"{error.strerror}: {error.filename}" if error.filename else str(error))], 4
    if isinstance(error, MemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        advice = "A smaller network or `training.batch_size` takes less."
        return [Problem("memory ran out", found=_asked(str(error)), suggestion=advice)], 4
    return [Problem(f"{type(error).__name__}: {error}".rstrip(". "))], 1


def _asked(text: str) -> str | None:
    """How much memory was asked for, where torch says it."""
    amount = re.search(r"ried to allocate ([\d.]+ \w+)", text)
    return f"{amount[1]} wanted at once" if amount else None


def _usage(error: click.ClickException, arguments: list[str]) -> Problem:
    """What click found wrong with the call, in our words."""
    context = getattr(error, "ctx", None)
    named = next((argument for argument in arguments if argument in COMMANDS), None)
    called = context.command_path if context is not None else f"{PROGRAM} {named}" if named else PROGRAM
    advice = f"See: {called} --help"
    if isinstance(error, click.NoSuchOption):
        options = [name for option in context.command.params for name in option.opts] if context is not None else []
        options.append("--help")
        problem = _unknown("option", error.option_name, options, f"{called} --help")
        if named in ("run", "plan", "validate") and "Did you mean" not in str(problem):
            hint = "A setting is changed without dashes, as in optimizer.lr=0.01."
            return dataclasses.replace(problem, suggestion=f"{hint} {problem.suggestion}")
        return problem
    if isinstance(error, click.MissingParameter) and error.param is not None:
        param = error.param
        what = param.opts[0] if isinstance(param, click.Option) else (param.metavar or str(param.name).upper())
        return Problem(f"{called}: {what} is missing", suggestion=advice)
    message = error.format_message().rstrip(".")
    return Problem(f"{called}: {message[:1].lower()}{message[1:]}", suggestion=advice)


def _unknown(kind: str, name: str, names: Sequence[str], see: str) -> Problem:
    close = did_you_mean(name, names)
    return Problem(f"there is no {kind} {name!r}", suggestion=f"{close} See: {see}" if close else f"See: {see}")
