"""Whether someone is at work in a run directory."""

import subprocess
import sys

from dlcli.runs.directory import REPORT, RunDirectory
from dlcli.runs.held import Hold, is_held

HOLDER = (
    "import sys, pathlib; from dlcli.runs.held import Hold; h = Hold(pathlib.Path('.')); print(flush=True); input()"
)


def test_a_run_is_held_until_its_report_is_written(tmp_path):
    run = RunDirectory("fit-linear", tmp_path / "run")
    folder = run.path
    assert is_held(folder) is True
    run.write("config.toml", "")
    assert is_held(folder) is True
    run.write(REPORT, "{}")
    assert is_held(folder) is False
    again = RunDirectory.taken_up("fit-linear", folder)
    assert is_held(folder) is True
    del again
    assert is_held(folder) is False


def test_a_kill_leaves_nothing_behind(tmp_path):
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        assert is_held(tmp_path) is True
        holder.kill()
    assert is_held(tmp_path) is False
    assert list(tmp_path.iterdir()) == []


def test_who_looks_is_in_nobodys_way(tmp_path):
    first = Hold(tmp_path)
    Hold(tmp_path).close()
    assert is_held(tmp_path) is True
    first.close()
    assert is_held(tmp_path / "missing") is None
