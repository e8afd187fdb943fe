"""Exported apps on the engines themselves: a client is killed in a round, and the training goes on.

FLOWER and NVFLARE name the Python of an environment that has the engine, as for the apps' own script.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcli.cli.app import run
from tests.conftest import ROOT, clean
from tests.federated.exported.apps import write_clients

PROGRAMS = {"flower": "flower-superlink", "nvflare": "nvflare"}
INSTALLING = 180  # seconds that an installation beside the tests is waited for
LIMIT = 300
# Stands in for dlcli: the client of b.csv is killed when its second round begins.
KILLER = """
import json, os, signal, subprocess, sys
from pathlib import Path
here = Path(__file__).parent
if any(word.endswith("b.csv") for word in sys.argv):
    if (here / "answered").exists():
        if sys.argv[1] == "flower":
            os.killpg(json.loads((here / "app/logs/pids.json").read_text())["client-1"], signal.SIGKILL)
        os.kill(os.getppid(), signal.SIGKILL)
    (here / "answered").touch()
sys.exit(subprocess.run([sys.executable, "-m", "dlcli", *sys.argv[2:]]).returncode)
"""


def engine(name):
    """The Python of an environment with the engine; skips where there is none."""
    python = os.environ.get(name.upper())
    if not python:
        pytest.skip(f"{name} isn't installed: no variable {name.upper()}")
    end = time.monotonic() + INSTALLING
    while not (ready := (Path(python).parent / PROGRAMS[name]).is_file()) and time.monotonic() < end:
        if not Path(python).parent.parent.parent.joinpath("installing").exists():
            break
        time.sleep(1)
    if not ready:
        pytest.skip(f"{name} isn't installed beside {python}")
    return python


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_client_that_is_killed_does_not_end_the_training(name, tmp_path):
    python = engine(name)
    write_clients(tmp_path)
    (tmp_path / "killer.py").write_text(KILLER)
    words = ["--target", "y", "--drop", "k", "--algorithm", "fedavg", "--local-steps", "20", "--rounds", "2"]
    with contextlib.chdir(tmp_path):
        assert run(["federate", "fit-linear", "--clients", "a.csv,b.csv", *words, "--export", f"{name}:app", "-q"]) == 0
    # Who is killed isn't waited for until the timeout.
    for file in (tmp_path / "app").rglob("*"):
        if file.name == "pyproject.toml":
            file.write_text(file.read_text().replace("patience = 0", "patience = 20"))
        elif file.name == "config_fed_server.json":
            file.write_text(file.read_text().replace("600", "40"))
    environment = clean({name.upper(): python, "DLCLI": f"{sys.executable} {tmp_path / 'killer.py'} {name}"})
    done = subprocess.run(
        [sys.executable, str(tmp_path / "app" / "run.py")], env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    told = json.loads((tmp_path / "app" / "result" / "federation.json").read_text())
    assert [(len(one["answered"]), len(one["lost"])) for one in told["rounds"]] == [(2, 0), (1, 1)]
    assert told["status"] == "finished"
    assert "whose rows" in told["reason"]
    data = [str(tmp_path / file) for file in ("a.csv", "b.csv")]
    assert run(["eval", str(tmp_path / "app" / "result"), *data, "--check", "r2>=0.5", "--quiet"]) == 0
