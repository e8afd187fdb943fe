"""The command run in the test's own process, where a process for each would take seconds of imports."""

import functools
import signal

import pytest

from dlcli.cli.app import run
from tests.forks import without_charts


@pytest.fixture
def app(tmp_path, monkeypatch, capfd):
    """Run the command in this process, in an empty folder: exit code, stdout, stderr; charts where they are wanted."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.chdir(tmp_path)

    def call(*arguments, charts=False):
        words = [str(a) for a in arguments]
        code = run(words if charts else without_charts(words))
        streams = capfd.readouterr()
        return code, streams.out, streams.err

    yield call
    for number, handler in kept:
        signal.signal(number, handler)


@pytest.fixture
def drawing(app):
    """The same, with charts."""
    return functools.partial(app, charts=True)
