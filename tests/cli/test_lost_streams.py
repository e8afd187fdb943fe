"""Streams that take nothing, or not every character: the work is done and saved, and the exit code is right."""

import json
import os
import subprocess
import sys

import pytest

from dlcli.cli.streams import Sink
from tests.conftest import ROOT

TABLE = "x,y\n" + "".join(f"{i},{3 * i + i % 3}\n" for i in range(40))
full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table, and a model of it whose R2 is below 0.9999999."""
    place = tmp_path_factory.mktemp("streams")
    (place / "t.csv").write_text(TABLE)
    assert shell(place, "$D fit-linear t.csv -q --out run") == (0, "", "")
    return place


def shell(place, script, **env):
    """Exit code (of the first command that fails), stdout and stderr of a line of bash; $D is the command."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; D='{sys.executable} -m dlcli'; {script}"], cwd=place, capture_output=True,
        text=True, timeout=60, check=False, env=os.environ | {"PYTHONPATH": str(ROOT), **env},
    )  # fmt: skip
    assert "defect" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    return done.returncode, done.stdout, done.stderr


FAILS = "$D eval run t.csv --check 'r2>=0.9999999'"


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "script",
    [f"{FAILS} | head -c 0", f"{FAILS} --json | head -c 0", f"{FAILS} 2>&1 | head -c 0", f"{FAILS} >&- 2>&-",
     pytest.param(f"{FAILS} >/dev/full 2>/dev/full", marks=full)],
)  # fmt: skip
def test_a_check_that_fails_is_3_whoever_listens(folder, script):
    assert shell(folder, script)[0] == 3


@pytest.mark.thinned(2)
@full
@pytest.mark.parametrize(
    "command",
    ["fit-linear t.csv --out full --force", "eval run t.csv --json", "predict run t.csv", "--help"],
)  # fmt: skip
def test_a_full_disk_on_stdout_is_2_and_one_line(folder, command):
    code, _, err = shell(folder, f"$D {command} >/dev/full")
    assert code == 2
    assert "No space left on device" in err.splitlines()[-1]
    if "--out full" in command:
        assert {"report.json", "model.safetensors"} <= set(os.listdir(folder / "full"))


def test_no_stderr_and_no_stdout_change_nothing(folder):
    code, out, _ = shell(folder, "$D fit-linear t.csv --out quiet --force 2>&-")
    assert (code, "coefficient" in out) == (0, True)
    assert shell(folder, "$D fit-linear t.csv --out quiet --force >&-")[0] == 0
    # A file opened while its number was free would have got what is printed.
    for name in ("report.json", "metrics.jsonl"):
        for line in (folder / "quiet" / name).read_text().splitlines()[:1]:
            assert line.startswith("{")


def test_a_reader_of_the_progress_who_leaves_does_not_end_the_training(folder):
    assert shell(folder, "$D fit-linear t.csv --out left 2>&1 | head -c 0")[0] == 0
    assert (folder / "left" / "model.safetensors").exists()


def test_predictions_that_go_nowhere_are_refused(folder):
    code, _, err = shell(folder, "$D predict run t.csv >&-")
    assert (code, "add --out FILE" in err) == (2, True)


def test_a_pipe_that_does_not_wait_gets_all():
    got = []

    class Full:
        def write(self, data):
            if len(got) % 2:
                got.append(b"")
                return None
            got.append(bytes(data[:3]))
            return len(got[-1])

    assert Sink(Full()).write(b"all of it") == 9
    assert b"".join(got) == b"all of it"


def test_no_stdin_is_an_empty_one(folder):
    code, _, err = shell(folder, "$D fit-linear - --target y <&-")
    assert (code, "standard input is empty" in err) == (2, True)


def test_a_character_that_stdout_lacks_is_escaped(folder):
    (folder / "zh.csv").write_text(TABLE.replace("x,y", "价格,y"), encoding="utf-8")
    code, out, _ = shell(folder, "$D fit-linear zh.csv --out zh", PYTHONIOENCODING="cp1252")
    assert code == 0
    assert "\\u4ef7\\u683c" in out
    code, out, _ = shell(folder, "$D fit-linear zh.csv --json --out zh --force", PYTHONIOENCODING="ascii")
    assert "价格" in json.loads(out)["coefficients"]
