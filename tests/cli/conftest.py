"""The command run in the test's own process, where a process for each would take seconds of imports."""

import signal

import pytest

from dlcli.cli.app import run


@pytest.fixture
def app(tmp_path, monkeypatch, capfd):
    """Run the command in this process, in an empty folder: exit code, stdout, stderr."""
    kept = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)]
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run([str(a) for a in arguments])
        streams = capfd.readouterr()
        return code, streams.out, streams.err

    yield call
    for number, handler in kept:
        signal.signal(number, handler)
