import argparse
import re

import pytest
from measuring import results
from measuring.results import Limit, judged, markdown, replaced, report, shown, spread, table
from measuring.rounds import Rounds

FOUND = Rounds({"floor": {0: {"us": 500.0}, 1: {"us": 600.0}}, "ours": {0: {"us": 510.0}, 1: {"us": 660.0}}})


def options(**changed):
    return argparse.Namespace(**({"rounds": 2, "quick": False, "record": False} | changed))


def test_the_table_has_medians_and_ratios_with_their_spread():
    lines = table(FOUND, {"us": "us a step", "none": "none"}, base="floor", ratio=["us"]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["", "us a step", "none", "ratio of us a step"]
    assert cells[2] == ["floor", "550", "-", "1.00 (1.00 to 1.00)"]
    assert cells[3] == ["ours", "585", "-", "1.06 (1.02 to 1.10)"]


def test_columns_stand_beneath_each_other():
    lines = markdown(["", "us"], [["hand loop", "1"], ["a", "10,000"]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert re.fullmatch(r"\| -+ \| -+: \|", lines[1])


@pytest.mark.parametrize(
    ("value", "text"), [(None, "-"), (0.01234, "0.0123"), (3.14159, "3.14"), (99.95, "100"), (12345.6, "12,346")]
)
def test_numbers_have_three_digits_that_count(value, text):
    assert shown(value) == text


def test_no_ratio_is_a_dash():
    assert spread([]) == "-"


def test_a_limit_is_kept_up_to_itself_and_not_beyond():
    kept = Limit("ours", "floor", "us", 1.06)
    assert judged(FOUND, [kept]) == (["- ours / floor: 1.06, at most 1.06 wanted: kept."], True)
    lines, all_kept = judged(FOUND, [Limit("ours", "floor", "us", 1.05), kept])
    assert not all_kept
    assert lines[0].endswith("**not kept**.")


def test_a_limit_on_somebody_who_is_not_here_says_nothing():
    assert judged(FOUND, [Limit("ours", "ludwig", "us", 0.1), Limit("keras", "floor", "us", 1)]) == ([], True)


def test_a_section_is_replaced_and_its_neighbours_stay():
    text = "# What it costs\n\nWords.\n\n## Step\n\nold\n\n| a |\n\n## Growth\n\nstays\n"
    assert replaced(text, "Step", "new") == "# What it costs\n\nWords.\n\n## Step\n\nnew\n\n## Growth\n\nstays\n"
    assert replaced(text, "Growth", r"\1 new").endswith("\n## Growth\n\n\\1 new\n")


def test_a_new_section_comes_last():
    assert replaced("# What it costs\n", "Step", "new") == "# What it costs\n\n## Step\n\nnew\n"


def test_recorded_when_asked_for(tmp_path, monkeypatch, capsys):
    file = tmp_path / "RESULTS.md"
    file.write_text("# What it costs\n")
    monkeypatch.setattr(results, "RESULTS", file)
    limits = [Limit("ours", "floor", "us", 1.05)]
    assert report("Step", ["words"], options=options(), rounds=FOUND, limits=limits, threads="1") == 1
    assert file.read_text() == "# What it costs\n"
    assert report("Step", ["words"], options=options(record=True), rounds=FOUND, threads="1") == 0
    assert "## Step\n\nwords\n\n" in file.read_text()
    assert "medians of 2 rounds" in file.read_text()
    assert "threads: 1; Python 3" in capsys.readouterr().out


def test_a_quick_run_measures_nothing(tmp_path, monkeypatch, capsys):
    file = tmp_path / "RESULTS.md"
    file.write_text("# What it costs\n")
    monkeypatch.setattr(results, "RESULTS", file)
    limits = [Limit("ours", "floor", "us", 1.05)]
    asked = options(record=True, quick=True)
    assert report("Step", ["words"], options=asked, rounds=FOUND, limits=limits, threads="1") == 0
    assert file.read_text() == "# What it costs\n"
    assert "--quick measures nothing" in capsys.readouterr().err


def test_who_could_not_take_part_is_named(capsys):
    without = Rounds(FOUND.measured, {"ludwig": "it took more than 600 s"})
    report("Step", ["words"], options=options(), rounds=without, threads="1")
    assert "Not taken part: ludwig (it took more than 600 s)." in capsys.readouterr().out


def test_the_machine_is_processor_cores_and_memory_alone():
    assert re.fullmatch(r"[^,]+, \d+ cores, \d+ GB", results.machine())
