"""The cycle collector comes seldom while modules are imported, and as usual once the work begins."""

import gc
import subprocess
import sys
import weakref

from recipeline.collector import SELDOM, collect_again, collecting_seldom, left_alone


def test_it_comes_seldom_within_the_block_alone():
    usual = gc.get_threshold()
    with collecting_seldom():
        assert gc.get_threshold() == SELDOM
    assert gc.get_threshold() == usual
    collect_again()  # outside of a block there is nothing to do
    assert gc.get_threshold() == usual


def test_the_work_begins_with_what_is_there_left_alone():
    usual = gc.get_threshold()
    try:
        with collecting_seldom():
            collect_again()
            assert gc.get_threshold() == usual
            assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def test_what_is_there_is_left_alone_within_a_block_and_what_comes_is_not():
    class Node:
        pass

    def circle(seen):
        node = Node()
        node.itself = node
        weakref.finalize(node, seen.append, "gone")

    gc.unfreeze()  # as a program begins
    before, within = [], []
    circle(before)
    with left_alone():
        circle(within)
        gc.collect()
        assert (before, within) == ([], ["gone"])
        with left_alone():
            pass
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert before == ["gone"]


def test_whoever_has_set_it_otherwise_meanwhile_is_left_alone():
    usual = gc.get_threshold()
    with collecting_seldom():
        gc.set_threshold(5000, 5, 5)
        collect_again()
        assert gc.get_threshold() == (5000, 5, 5)
    assert gc.get_threshold() == usual


def test_files_are_flushed_and_closed_at_the_end_of_the_process(tmp_path):
    code = (
        "import sys, recipeline.collector as c\n"
        "with c.collecting_seldom():\n"
        "    file = open(sys.argv[1], 'w'); file.write('whole')\n"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "f")], check=True)
    assert (tmp_path / "f").read_text() == "whole"
