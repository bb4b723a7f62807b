import sys
from pathlib import Path

import pytest
from measuring.programs import Failed, contestant, run

LINUX = Path("/proc/self/smaps_rollup").exists()


def python(code, folder, **more):
    return run([sys.executable, "-c", code], folder=folder, **more)


def test_time_and_what_it_said(tmp_path):
    code = "import time; time.sleep(0.2); print('hello'); print('RESULT {\"us\": 3.5}')"
    done = python(code, tmp_path)
    assert done.seconds > 0.2
    assert 0 < done.cpu_s < done.seconds + 1
    assert done.output.startswith("hello")
    assert done.result == {"us": 3.5}
    assert done.peak_mb is None


def test_processor_time_of_children_counts(tmp_path):
    busy = "import time\nwhile time.process_time() < 0.5: pass"
    done = python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', {busy!r}])", tmp_path)
    assert done.cpu_s >= 0.5


def test_the_last_words_of_one_that_fails(tmp_path):
    with pytest.raises(Failed, match=r"exit code 3 of .*: no such thing"):
        python("import sys; print('no such thing', file=sys.stderr); sys.exit(3)", tmp_path)


def test_one_that_takes_too_long_is_ended(tmp_path):
    with pytest.raises(Failed, match="exit code -9"):
        python("import time; time.sleep(60)", tmp_path, timeout_s=0.5)


def test_progress_is_drawn_where_a_terminal_was_asked_for(tmp_path):
    code = "import sys; print('RESULT', '{\"terminal\": %s}' % str(sys.stderr.isatty()).lower())"
    assert python(code, tmp_path, terminal=True).result == {"terminal": True}
    assert python(code, tmp_path).result == {"terminal": False}
    with pytest.raises(Failed, match="said on the terminal"):
        python("import sys; sys.exit('said on the terminal')", tmp_path, terminal=True)


@pytest.mark.skipif(not LINUX, reason="only Linux says what a process shares")
def test_memory_of_all_processes_at_once(tmp_path):
    hold = "import time; held = bytearray(60_000_000); time.sleep(0.6)"
    code = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {hold!r}]); {hold}"
    done = python(code, tmp_path, memory=True)
    assert 114 < done.own_mb < 200
    assert done.peak_mb >= done.own_mb


def test_variables_are_handed_over(tmp_path):
    code = "import os; print('RESULT', '{\"it\": \"%s\"}' % os.environ['BENCHMARK_X'])"
    assert python(code, tmp_path, environment={"BENCHMARK_X": "here"}).result == {"it": "here"}


def test_contestants_exist_under_their_names():
    command = contestant("fit_by_hand", Path("folder"), "5", python="python3")
    assert command[0] == "python3"
    assert Path(command[1]).is_file()
    assert command[2:] == ["folder", "5"]
