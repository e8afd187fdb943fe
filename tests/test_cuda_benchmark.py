"""The one command that settles what a GPU does: all of its sections run, here on the CPU."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SECTIONS = ["machine", "commands", "speed", "quality", "linear"]


@pytest.fixture
def table(tmp_path, monkeypatch):
    """The module of the table."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("gpu.table")
    for name in [name for name in sys.modules if name == "gpu" or name.startswith("gpu.")]:
        monkeypatch.delitem(sys.modules, name)
    return module


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


def test_rows_outlive_a_crash(table, tmp_path):
    """A line that was cut off loses no other; a missed target is marked."""
    path = tmp_path / "speed.jsonl"
    written = table.Table(path, "speed")
    written.add("images", "3 a second", True)
    written.add("shares", "0.5", False)
    path.write_text(path.read_text() + '{"section": "speed", "wha')
    rows = table.read_rows(path)
    assert [(row.what, row.good) for row in rows] == [("images", True), ("shares", False)]
    table.write_summary(tmp_path, rows, {"command": "c", "machine": ""})
    assert "| speed | shares | 0.5 | MISSED |" in (tmp_path / "cuda.md").read_text()
