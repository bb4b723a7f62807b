"""How all tests check models, and how what they have counted or measured is said at the end."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pytest

STARTED = ("serving", "third_party", "mlproject", "faults")
"""Folders whose tests let a run start the interpreter that checks its model, as do all that start a command."""


class InThisProcess:
    """Checks a logged model where the test runs, in place of an interpreter that imports for seconds."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """There is no process to end."""

    def wake(self) -> None:
        """There is none that sleeps."""

    def ask(self, folder: Path) -> dict[str, Any]:
        """The same comparison as in an interpreter of its own."""
        from recipeline.serving.check import compared
        from recipeline.serving.files import VARIABLE

        with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("ignore")  # MLflow's, which nobody sees of the other process
            patch.setenv(VARIABLE, Path.cwd().anchor)
            return compared(folder)


@pytest.fixture(autouse=True)
def models_are_checked_in_this_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing takes three seconds of two processors, several hundred times."""
    if not set(STARTED) & set(request.path.parts):
        monkeypatch.setattr("recipeline.serving.fresh.FreshInterpreter", InThisProcess)


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Takes a sentence with figures, such as `20 of 20 killed runs were marked, after 9 s at most`."""

    def say(text: str) -> None:
        record_property("counted", text)

    return say


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was counted below its own heading."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    found = [value for report in reports for key, value in report.user_properties if key == "counted"]
    if found:
        terminalreporter.section("counted")
        for value in found:
            terminalreporter.write_line(str(value))
