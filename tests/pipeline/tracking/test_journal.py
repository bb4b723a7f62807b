"""What was written stays, whatever ended the one who wrote it."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from recipeline.errors import UsageError
from recipeline.tracking.journal import FILE, Journal, Opening, line, read_journal
from recipeline.tracking.rows import (
    FileRow,
    InputRow,
    MetricRow,
    ModelRow,
    ParamRow,
    StatusRow,
    TagRow,
    as_list,
    from_list,
    in_words,
)

OPENING = Opening("1" * 32, "census", "income", "sqlite:////a/b.db", {"team": "größe\n"}, 5)
ROWS = [
    ParamRow("optimizer", "adam"),
    MetricRow("train/loss", 0.1 + 0.2, 1_700_000_000_123, 1),
    TagRow("note", "two\nlines, \udc80 and 'ß'"),
    FileRow("a/b.txt", "outbox/1/b.txt", 3),
    InputRow("d", "0", "local", "{}", "{}", "{}", "training"),
    ModelRow("model", "example.parquet", ["age"], None, "/tmp/x"),
    StatusRow("FINISHED", 9),
]


@pytest.fixture
def written(tmp_path):
    journal = Journal.create(tmp_path / "r", OPENING)
    journal.note_run("f" * 32)
    journal.append(ROWS)
    journal.close()
    return tmp_path / "r"


def test_what_was_written_is_read_to_the_last_bit(written):
    content = read_journal(written)
    assert content.opening == OPENING
    assert content.run_id == "f" * 32
    assert list(content.rows.values()) == ROWS
    assert content.pending == list(enumerate(ROWS))
    assert content.status == "FINISHED"
    assert (content.damaged, content.length) == (0, (written / FILE).stat().st_size)
    assert [from_list(as_list(row)) for row in ROWS] == ROWS


def test_what_was_sent_no_longer_waits(written):
    journal, _ = Journal.go_on(written)
    journal.note_sent([0, 1, 2, 5])
    journal.append([TagRow("late", "1")])
    journal.close()
    assert [number for number, _ in read_journal(written).pending] == [3, 4, 6, 7]


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_torn_last_line_is_left_out_and_written_over(written, cut):
    whole = (written / FILE).read_bytes()
    last = len(line(["row", 6, *as_list(ROWS[6])]))
    cut = min(cut, last - 1)
    (written / FILE).write_bytes(whole[:-cut])
    content = read_journal(written)
    assert list(content.rows.values()) == ROWS[:-1]
    assert content.damaged == 0
    journal, _ = Journal.go_on(written)
    assert journal.append([ROWS[6]]) == 6
    journal.close()
    assert (written / FILE).read_bytes() == whole


def test_a_damaged_line_is_counted_and_the_others_keep_their_numbers(written):
    lines = (written / FILE).read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b"train/loss", b"train/lost")
    (written / FILE).write_bytes(b"".join(lines))
    content = read_journal(written)
    assert content.damaged == 1
    assert content.rows == {number: row for number, row in enumerate(ROWS) if number != 1}


def test_a_journal_without_its_beginning_is_nobodys(written):
    (written / FILE).write_bytes((written / FILE).read_bytes()[10:])
    with pytest.raises(UsageError, match=r"journal\.jsonl: this journal's beginning can't be read"):
        read_journal(written)


def test_after_a_write_that_failed_halfway_the_next_line_is_whole(written, monkeypatch):
    journal, _ = Journal.go_on(written)
    real = os.write

    def full(handle, content):
        real(handle, content[:7])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("recipeline.tracking.journal.os.write", full)
        with pytest.raises(OSError, match="No space"):
            journal.append([TagRow("lost", "1")])
    journal.append([TagRow("kept", "1")])
    journal.close()
    content = read_journal(written)
    assert content.damaged == 1
    assert content.rows[8] == TagRow("kept", "1")


WRITER = """
import os, signal, sys
from pathlib import Path
from recipeline.tracking.journal import Journal, Opening
from recipeline.tracking.rows import MetricRow
journal = Journal.create(Path(sys.argv[1]), Opening("1", "a", "b", "sqlite:////x", {}, 1))
for number in range(100):
    journal.append([MetricRow("m", float(number), number, number)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_has_lost_nothing_that_it_wrote(tmp_path):
    done = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / "r")], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(read_journal(tmp_path / "r").pending) == 100


def test_what_was_written_is_made_to_last(written, monkeypatch):
    synced, real = [], os.fsync
    journal, _ = Journal.go_on(written)
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle)))
    journal.sync()
    assert synced == [], "nothing new was written"
    journal.append([TagRow("late", "1")])
    journal.sync()
    journal.sync()
    assert synced == [journal._handle]
    journal.append([TagRow("later", "1")])
    journal.close()
    assert len(synced) == 2


def test_rows_are_told_in_words():
    assert in_words(ROWS) == ("1 metric, 1 param, 1 tag, 1 file, the data set 'd', the model and the status FINISHED")
    assert in_words([ROWS[0], ROWS[0]]) == "2 params"
    assert in_words([]) == ""


@pytest.mark.parametrize("value", [0.1, -0.0, 1e300, 5e-324, 123456789.0, 1 / 3, np.float64(0.1), 3])
@pytest.mark.parametrize("key", ["val/loss", 'a "b" \\ c', "größe", "\U0001f40c", "a\u2028b"])
def test_metrics_are_written_as_every_other_row(tmp_path, key, value):
    row = MetricRow(key, value, 1_700_000_000_123, 7)
    with_others = line(["row", 0, *as_list(MetricRow(key, float(value), row.timestamp, row.step))])
    made = Journal.create(tmp_path / "run", OPENING)
    made.append([row])
    made.close()
    assert (tmp_path / "run" / FILE).read_bytes().splitlines(keepends=True)[-1] == with_others
    assert read_journal(tmp_path / "run").rows == {0: row}
