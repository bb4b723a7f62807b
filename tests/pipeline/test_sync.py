"""Which run is meant, and that only what is left is sent."""

import pytest

from recipeline.errors import UsageError
from recipeline.sync import mark_killed, sync
from recipeline.tracking.journal import Journal, Opening


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr("recipeline.sync.settle", lambda folder, _send, asked=False: (folder.name, asked))
    for number, name in enumerate(("census", "iris", "iris")):
        local = f"{number}a{number}" * 8
        journal = Journal.create(tmp_path / local, Opening(local, name, "e", "sqlite:////x", {}, number))
        journal.note_run(f"{number}f" * 16)
        journal.close()
    return tmp_path


@pytest.mark.parametrize(
    ("reference", "number"), [("0a0" * 8, 0), ("1a11", 1), ("2f2f2f", 2), ("census", 0), ("last", 2)]
)
def test_a_run_is_named_by_either_id_by_name_or_as_the_last(runs, reference, number):
    assert sync(runs, reference) == [(f"{number}a{number}" * 8, True)]


@pytest.mark.parametrize(
    ("reference", "words"),
    [("iris", r"2 runs of .* are meant by 'iris'"), ("0a0", r"no run of .* is meant by '0a0'.*\n  0a00a0")],
)
def test_what_is_meant_by_none_or_several_is_said(runs, reference, words):
    with pytest.raises(UsageError, match=words):
        sync(runs, reference)


def test_where_nothing_is_left_nothing_is_done(tmp_path):
    assert sync(tmp_path / "none") == []
    with pytest.raises(UsageError, match="All that was logged has been sent"):
        sync(tmp_path / "none", "last")
    assert mark_killed(tmp_path / "none") == []


def test_runs_that_have_ended_are_not_read_to_find_those_that_were_killed(runs):
    assert mark_killed(runs) == []
