"""What tests have counted or measured is said at the end, whatever process ran them."""

from collections.abc import Callable

import pytest


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
