"""The README's own commands and script."""

import os
import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.fixture
def script(tmp_path):
    """The CI script, with dlcli on the PATH and tables of the names that it uses."""
    found = re.search(r"```sh\n(#!/bin/sh\n.*?)```", README, re.S)
    assert found
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "dlcli"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m dlcli "$@"\n')
    program.chmod(0o755)
    (tmp_path / "ci.sh").write_text(found.group(1))

    def run(noise):
        for seed, name in enumerate(("train", "test")):
            random = np.random.default_rng(seed)
            size, rooms = random.random(200) * 3, random.integers(1, 6, 200)
            price = 2 * size + 0.5 * rooms + noise * random.normal(size=200)
            pl.DataFrame({"size": size, "rooms": rooms, "price": price}).write_csv(tmp_path / f"{name}.csv")
        env = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            ["sh", "ci.sh"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def test_the_ci_script_passes_on_a_good_model(script, tmp_path):
    done = script(0.1)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "predictions.csv").read_text().count("\n") == 201


def test_the_ci_script_fails_the_job_on_a_bad_one(script, tmp_path):
    done = script(3.0)
    assert done.returncode == 3
    assert "FAILED r2>=0.9" in done.stderr
    assert "off by" in done.stderr
    assert not (tmp_path / "predictions.csv").exists()


def test_the_test_command_is_the_one_that_ci_looks_for():
    commands = re.findall(r"^python3 -m venv .venv && .*pytest$", README, re.M)
    assert len(commands) == 1
