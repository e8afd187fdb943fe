"""One hermetic way to run the real command, and where the real test data are."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from dlcli.cli.process import wait_passively
from tests import leakage
from tests.forks import Host, Started, without_charts
from tests.thinning.examples import examples

pytest_plugins = ["tests.thinning.thinned"]

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "data"
CASES = ROOT.parent / "shared" / "cases"

# Two workers and their commands share the cores: threads that spin take them from each other, as commands know too.
wait_passively()

# A test that times its examples fails on a busy machine.
settings.register_profile("dlcli", deadline=None, max_examples=examples(100))
settings.load_profile("dlcli")


@dataclass(frozen=True)
class Result:
    """What a run of the command left: exit code, streams, and the folder that it ran in."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def threads():
    """A command that ran in this process may have set torch's threads; the next test gets them back."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != len(os.sched_getaffinity(0)):
        torch.set_num_threads(len(os.sched_getaffinity(0)))


@pytest.fixture
def one_thread():
    """Beside other processes, threads of a small network mostly wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def forks():
    """The process that starts commands without importing anything anew."""
    host = Host(ROOT)
    yield host
    host.close()


def clean(more: Mapping[str, str]) -> dict[str, str]:
    """A fixed environment for a command, and ``more``."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS", "TERM", "FORCE_COLOR")}
    return kept | {"COLUMNS": "100", "PYTHONPATH": str(ROOT), **more}


@pytest.fixture
def start(tmp_path, forks):
    """Start ``dlcli`` in an empty folder, as a process of its own that isn't waited for; it draws no charts."""

    def begin(*args: object, cwd: Path | None = None, **env: str) -> Started:
        return forks.start(without_charts(list(map(str, args))), cwd or tmp_path, clean(env))

    return begin


@pytest.fixture
def dlcli(tmp_path, tmp_path_factory, forks):
    """Run ``dlcli`` in an empty folder, as a process of its own, with a fixed environment.

    Charts are drawn where a test asks for them: they are half the time of a small fit. A training of fit-linear that
    holds rows out is then run again with other values in them: it must learn the same.
    """

    def run(
        *args: object, stdin: bytes | str | None = None, cwd: Path | None = None, charts: bool = False, **env: str
    ) -> Result:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        words = list(map(str, args)) if charts else without_charts(list(map(str, args)))
        code, out, err = forks.run(words, cwd or tmp_path, clean(env), data or b"")
        if code == 0 and (training := leakage.training(list(map(str, args)))):
            leakage.check(training, cwd or tmp_path, tmp_path_factory.mktemp("leakage"))
        return Result(code, out, err, cwd or tmp_path)

    return run


@pytest.fixture(scope="session")
def shared():
    """The folder of real test data; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no test data at {SHARED}")
    return SHARED
