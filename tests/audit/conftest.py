"""fit-linear through the real command line, in this process: a subprocess for each of a grid would take minutes."""

import contextlib
import io
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import leakage
from tests.conftest import CASES
from tests.forks import without_charts


@dataclass(frozen=True)
class Ran:
    """What a command left: exit code and streams."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        return json.loads(self.out)

    def column(self, field: str) -> np.ndarray:
        """``value`` or ``std_error`` of every coefficient (of every class), in order; nan where there is none."""
        entries = [entry[field] for entry in self.report["coefficients"].values()]
        rows = [list(e.values()) if isinstance(e, dict) else [e] for e in entries]
        return np.array([[np.nan if v is None else v for v in row] for row in rows])


@pytest.fixture
def dlcli(tmp_path, tmp_path_factory, monkeypatch):
    """Run a command line in an empty folder; ``fit`` gives the JSON report, as every test here wants it."""
    from dlcli.cli.app import run

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def command(*args: object) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(without_charts([str(a) for a in args]))
        if code == 0 and (words := leakage.training([str(a) for a in args])):
            leakage.check(words, tmp_path, tmp_path_factory.mktemp("leakage"))
        return Ran(code, out.getvalue(), err.getvalue())

    yield command
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def fit(dlcli, tmp_path):
    """Fit a table (X, y) with the given options, and return what the command left."""

    def command(X: np.ndarray, y: np.ndarray, *options: object) -> Ran:
        lines = [",".join([f"x{j}" for j in range(X.shape[1])] + ["y"])]
        text = [str(v) if y.dtype.kind in "US" else repr(float(v)) for v in y]
        lines += [",".join([*(repr(float(v)) for v in row), t]) for row, t in zip(X, text, strict=True)]
        (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
        return dlcli("fit-linear", "t.csv", "--target", "y", "--json", "--out", "run", "--force", *options)

    return command


@pytest.fixture
def case():
    """The file of a failing input that was collected for this project; skipped where there is none."""

    def path(name: str, file: str) -> Path:
        found = CASES / name / file
        if not found.is_file():
            pytest.skip(f"no {found}")
        return found

    return path
