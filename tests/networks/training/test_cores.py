"""A machine that others use, too, is told of once, and a program's own threads are no other programs."""

import os

import pytest

from dlcli.networks.training import cores


@pytest.mark.parametrize(
    ("ran", "waited", "threads", "told"), [(2, 2, 1, True), (9, 1, 1, False), (2, 2, 10**6, False)]
)
def test_it_is_told_once_where_others_have_the_cores(monkeypatch, ran, waited, threads, told):
    scheduled = [(5.0, 7.0), (5.0 + ran, 7.0 + waited), (5.0 + ran, 7.0 + waited)]
    monkeypatch.setattr(cores, "_scheduled", lambda: scheduled.pop(0))
    found = cores.Cores(threads)
    text = found.busy()
    assert (text is not None) == told
    if told:
        assert "50%" in text
        assert found.busy() is None


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system doesn't say")
def test_the_time_that_this_process_ran():
    before = cores._scheduled()[0]
    sum(range(2_000_000))
    assert cores._scheduled()[0] > before
