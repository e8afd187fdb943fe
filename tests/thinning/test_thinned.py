"""Which cases of a thinned test run."""

import subprocess
import sys

import pytest

TEXT = """
import pytest
pytest_plugins = ["tests.thinning.thinned"]
"""
CASES = """
import pytest

@pytest.mark.thinned(4)
@pytest.mark.parametrize("a", range(4))
@pytest.mark.parametrize("b", range(3))
def test_grid(a, b):
    print("ran", a, b)

def test_plain():
    pass
"""


def ran(folder, *options):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "-s", *options],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [tuple(map(int, line.split()[-2:])) for line in done.stdout.splitlines() if "ran " in line], done.stdout


@pytest.fixture
def folder(tmp_path, monkeypatch):
    from tests.conftest import ROOT

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "conftest.py").write_text(TEXT)
    (tmp_path / "test_it.py").write_text(CASES)
    return tmp_path


def test_each_value_occurs_and_the_others_wait_for_long(folder):
    cases, said = ran(folder)
    assert len(cases) == 4
    assert {a for a, _ in cases} == {0, 1, 2, 3}
    assert {b for _, b in cases} == {0, 1, 2}
    assert "5 passed, 8 deselected" in said
    assert ran(folder)[0] == cases
    assert len(ran(folder, "--long")[0]) == 12


def test_a_case_that_is_asked_for_runs(folder):
    cases, _ = ran(folder, "test_it.py::test_grid[0-0]", "test_it.py::test_grid[1-1]", "test_it.py::test_grid[2-2]")
    assert len(cases) == 3
