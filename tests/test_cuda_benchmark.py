"""The one command that settles what a GPU does: all of its sections run, here on the CPU."""

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SECTIONS = ["machine", "agreement", "commands", "speed", "quality", "linear"]


@pytest.fixture
def load(monkeypatch):
    """What imports a module of the benchmark."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in [name for name in sys.modules if name == "cuda" or name == "gpu" or name.startswith("gpu.")]:
        del sys.modules[name]


def test_quick(tmp_path):
    """Green on the CPU, with figures of each section."""
    command = [sys.executable, str(BENCHMARKS / "cuda.py"), "--device", "cpu", "--quick", "--out", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(BENCHMARKS.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads((tmp_path / "cuda.json").read_text())
    assert list(dict.fromkeys(row["section"] for row in document["rows"])) == SECTIONS
    assert not [row for row in document["rows"] if row["good"] is False]
    assert (tmp_path / "cuda.md").read_text().count("\n| ") == len(document["rows"]) + 1


def test_the_one_command_ends_within_eight_minutes(load):
    """Its sections' limits, the training among them, are no more than all may take; agreement comes before speed."""
    cuda = load("cuda")
    assert sum(cuda.LIMITS.values()) + 60 * cuda.MINUTES <= cuda.DEADLINE < 8 * 60 - cuda.GRACE
    assert list(cuda.LIMITS) == SECTIONS


def test_a_section_that_hangs_or_crashes_loses_no_other(load, tmp_path, monkeypatch, capfd):
    """What it had found stays, and the next ones get what time is left."""
    cuda, seen = load("cuda"), load("gpu.table").read_rows
    load("gpu.quality")  # once for all of the forks

    def hangs(setting, table):
        table.add("before", 1)
        time.sleep(60)

    def crashes(setting, table):
        os._exit(9)

    def fails(setting, table):
        raise ValueError("no such kernel")

    def works(setting, table):
        table.add("left", 0 < setting.left() < 0.5, True)

    work = {"a": hangs, "b": crashes, "c": fails, "d": works, "e": works}
    monkeypatch.setattr(cuda, "sections", lambda: work)
    monkeypatch.setattr(cuda, "LIMITS", {"a": 0.6, "b": 9, "c": 9, "d": 0.6, "e": 9})
    monkeypatch.setattr(cuda, "GRACE", 0.1)
    monkeypatch.setattr(sys, "argv", ["cuda.py"])
    options = argparse.Namespace(device="cpu", quick=True, minutes=9, rows=None, set12=None, photographs=None,
                                 out=tmp_path)  # fmt: skip
    assert not cuda.run_all(list("abcd"), options)
    rows = [(row.section, row.value, row.good) for name in "abcd" for row in seen(tmp_path / f"{name}.jsonl")]
    assert rows == [
        ("a", "1", None), ("a", "failed: not done after 1 s", False),
        ("b", "failed: the process ended with code 9", False), ("c", "failed: ValueError: no such kernel", False),
        ("d", "True", True),
    ]  # fmt: skip
    options.minutes = None
    monkeypatch.setattr(cuda, "DEADLINE", 0.05)
    assert cuda.run_all(["e"], options)
    assert "not measured: no time left" in capfd.readouterr().out


def test_rows_outlive_a_crash(load, tmp_path):
    """A line that was cut off loses no other; a missed target is marked."""
    table = load("gpu.table")
    path = tmp_path / "speed.jsonl"
    written = table.Table(path, "speed")
    written.add("images", "3 a second", True)
    written.add("shares", "0.5", False)
    path.write_text(path.read_text() + '{"section": "speed", "wha')
    rows = table.read_rows(path)
    assert [(row.what, row.good) for row in rows] == [("images", True), ("shares", False)]
    table.write_summary(tmp_path, rows, {"command": "c", "machine": ""})
    assert "| speed | shares | 0.5 | MISSED |" in (tmp_path / "cuda.md").read_text()
