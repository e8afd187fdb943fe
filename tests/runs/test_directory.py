"""The run directory: numbering, refusals, and writes that are whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from dlcli.errors import DlcliError
from dlcli.files import to_json, write_atomic
from dlcli.runs.directory import RunDirectory


def test_runs_are_numbered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [RunDirectory("fit-linear", None).path.name for _ in range(3)]
    assert names == ["fit-linear-001", "fit-linear-002", "fit-linear-003"]
    (tmp_path / "runs" / "fit-linear-999").mkdir()
    assert RunDirectory("fit-linear", None).path.name == "fit-linear-1000"


def test_nothing_is_made_before_the_first_use(tmp_path):
    RunDirectory("fit-linear", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_force_clears_what_an_earlier_run_left(tmp_path):
    (tmp_path / "model.safetensors").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    for left in ("checkpoint/state.safetensors", "checkpoint/.state.safetensors.1.tmp", "plots/loss.png", ".a.2.tmp"):
        (tmp_path / left).parent.mkdir(exist_ok=True)
        (tmp_path / left).write_text("old")
    with pytest.raises(DlcliError, match="not empty"):
        RunDirectory("fit-linear", tmp_path)
    assert RunDirectory("fit-linear", tmp_path, force=True).path == tmp_path
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["notes.txt"]


def test_json_has_no_nan():
    assert json.loads(to_json({"a": float("nan"), "b": [float("inf"), 1.5]})) == {"a": None, "b": [None, 1.5]}


def test_a_disk_that_refuses_is_a_message_and_leaves_the_old_file(tmp_path):
    target = tmp_path / "model.bin"
    target.write_bytes(b"old")
    code = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom dlcli.runs.directory import write_atomic\n"
        "from dlcli.errors import DlcliError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        f"try:\n    write_atomic(Path({str(target)!r}), bytes(10_000))\n"
        "except DlcliError as error:\n    sys.exit(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.bin"]


def test_killed_while_saving_leaves_a_whole_file(tmp_path):
    target = tmp_path / "model.bin"
    code = (
        "import itertools, sys\nfrom pathlib import Path\nfrom dlcli.runs.directory import write_atomic\n"
        "for i in itertools.count():\n"
        f"    write_atomic(Path({str(target)!r}), bytes([i % 256]) * 2_000_000)\n"
    )
    for attempt in range(6):
        process = subprocess.Popen([sys.executable, "-c", code])
        while not target.exists():
            time.sleep(0.01)
        time.sleep(0.05 + 0.017 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()
        data = target.read_bytes()
        assert len(data) == 2_000_000
        assert len(set(data)) == 1


def test_a_name_as_long_as_names_may_be_is_written(tmp_path):
    target = tmp_path / ("x" * 251 + ".png")
    write_atomic(target, b"data")
    assert os.listdir(tmp_path) == [target.name]


def test_json_is_valid_text_whatever_a_file_is_called():
    name = os.fsdecode(b"caf\xe9")
    document = to_json({name: [name], "b": "café"})
    assert json.loads(document.encode()) == {"caf\\udce9": ["caf\\udce9"], "b": "café"}
