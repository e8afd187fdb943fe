"""What benchmarks/same_bits.py calls a difference: it must not pass over a change of what is computed."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
REPORT = {
    "run": "a",
    "seconds": 1.5,
    "lr": 0.1,
    "steps": 3,
    "reason": "step limit reached",
    "trials": [{"value": None}],
}


@pytest.fixture
def compared(tmp_path, monkeypatch):
    """Compare a file with another of the same name: differences, notes."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("bits.compare")
    for name in [name for name in sys.modules if name == "bits" or name.startswith("bits.")]:
        monkeypatch.delitem(sys.modules, name)

    def compare(name, old, new, command="fit-linear --json", codes=([0], [0])):
        for side, data, code in zip(("before", "after"), (old, new), codes, strict=True):
            target = tmp_path / side / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / side / "codes.json").write_text(json.dumps(code))
            if data is not None:
                target.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        found = module.compare_cases(tmp_path / "before", tmp_path / "after", [command])
        return found.differences, found.notes

    return compare


@pytest.mark.parametrize("name", ["run/report.json", "stdout-1", "run/metrics.jsonl"])
@pytest.mark.parametrize(
    "change",
    [
        {"lr": 0.1 + 2**-56}, {"steps": 3.0}, {"steps": None}, {"trials": []}, {"trials": [{"value": 0}]},
        {"trials": [{}]}, {"reason": None}, {"reason": ""},
    ],
)  # fmt: skip
def test_a_field_that_changes(compared, name, change):
    differences, _ = compared(name, REPORT, REPORT | change)
    assert len(differences) == 1
    assert next(iter(change)) in differences[0]


def test_a_field_that_goes(compared):
    differences, _ = compared("run/report.json", REPORT, {k: v for k, v in REPORT.items() if k != "lr"})
    assert differences == ["run/report.json lr: is gone (0.1)"]


@pytest.mark.parametrize(
    ("change", "notes"),
    [({"seconds": 9.0, "run": "b"}, 0), ({"added": [1]}, 1), ({"reason": "in other words"}, 1)],
)
def test_what_may_change(compared, change, notes):
    differences, found = compared("run/report.json", REPORT, REPORT | change)
    assert (differences, len(found)) == ([], notes)


def test_models(compared):
    weights = np.arange(4, dtype=np.float32)
    old = save({"a": weights}, {"dlcli": '{"kind": "x"}'})
    assert compared("model.safetensors", old, old) == ([], [])
    differences, _ = compared("model.safetensors", old, save({"a": weights * 1.5}, {"dlcli": '{"kind": "x"}'}))
    assert differences == ["model.safetensors tensor a: 3 of 4 numbers, by up to 1.5"]
    differences, _ = compared("model.safetensors", old, save({"a": weights}, {"dlcli": '{"kind": "x", "more": 1}'}))
    assert differences == ["model.safetensors metadata.dlcli.more: is new (1)"]


def test_files(compared, tmp_path):
    assert compared("out.csv", b"y\n1.0\n", b"y\n1.1\n")[0] == ["out.csv 6 -> 6 bytes, from byte 4 on"]
    (tmp_path / "after" / "out.csv").unlink()
    assert compared("out.csv", b"y\n", None)[0] == ["out.csv: is not written any more"]


def test_predictions_on_stdout(compared):
    differences, _ = compared("stdout-1", b"y\n1.0\n", b"y\n1.1\n", "predict run")
    assert differences == ["stdout-1 6 -> 6 bytes, from byte 4 on"]


def test_exit_codes(compared):
    assert compared("stderr-1", b"fine\n", b"dlcli: no\n", codes=([0], [2]))[0] == [
        "command 1: exit code 0 -> 2 ['dlcli: no']"
    ]


def test_charts_are_not_compared(compared):
    assert compared("plots/loss.png", b"1", b"2") == ([], [])


def test_sheets(compared, tmp_path):
    for side, value in (("before", 1), ("after", 2)):
        (tmp_path / side / "plots").mkdir(parents=True)
        Image.fromarray(np.full((2, 3), value, np.uint8)).save(tmp_path / side / "plots" / "samples.png")
    assert compared("stdout-1", {}, {})[0] == ["plots/samples.png 6 pixels, within [0, 0] to [1, 2]"]
