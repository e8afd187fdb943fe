"""Sums and values shared between the processes of a run, by gloo."""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from dlcli.engine import ranks as module
from dlcli.engine import telling, wire
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.ranks import Ranks, launched
from dlcli.engine.telling import may_tell
from dlcli.errors import DlcliError
from tests.ranks import in_ranks


def test_a_process_that_nobody_launched_is_alone(monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    ranks = launched()
    assert (ranks.rank, ranks.count, ranks.leads) == (0, 1, True)
    array = np.ones(3)
    assert ranks.add_arrays(array) is array
    assert ranks.share({"a": 1}) == {"a": 1}
    assert ranks.gather(b"x") == [b"x"]
    assert ranks.slice_of(5) == slice(0, 5)


def test_one_process_under_torchrun_imports_no_torch():
    code = (
        "import sys; from dlcli.engine.ranks import launched; r = launched(); r.connect('cpu'); r.share(1); r.close()\n"
        "assert r.count == 1 and 'torch' not in sys.modules and 'numpy' not in sys.modules"
    )
    env = os.environ | {"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


@pytest.mark.parametrize(
    "env",
    [
        {"RANK": "2", "WORLD_SIZE": "2", "MASTER_PORT": "1"},
        {"RANK": "x", "WORLD_SIZE": "2", "MASTER_PORT": "1"},
        {"RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": ""},
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(env, monkeypatch):
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DlcliError, match="RANK="):
        launched()


@pytest.mark.parametrize(("n", "count"), [(0, 3), (2, 3), (7, 3), (9, 3), (5, 1)])
def test_shares_are_all_of_it_and_no_more(n, count):
    parts = [Ranks(rank, count).slice_of(n) for rank in range(count)]
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    sizes = [len(range(n)[part]) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_three_processes_add_share_and_gather():
    def work(ranks):
        values = np.random.default_rng(ranks.rank).standard_normal((5, 1001)) * 10.0**ranks.rank
        before = values.copy()
        total = ranks.add_arrays(values)
        expected = sum(np.random.default_rng(r).standard_normal((5, 1001)) * 10.0**r for r in range(3))
        tensor = torch.full((4,), float(ranks.rank + 1))
        ranks.add_(tensor)
        led = torch.full((2,), float(ranks.rank + 7))
        ranks.lead_(led)
        return {
            "close": bool(np.allclose(total, expected, rtol=1e-14)),
            "untouched": bool((values == before).all()),
            "bits": total.tobytes().hex(),
            "tensor": tensor.tolist(),
            "led": led.tolist(),
            "shared": ranks.share({"of": ranks.rank, "nan": float("nan"), "text": "é" * ranks.count}),
            "bytes": ranks.share(bytes([ranks.rank]) * 5).hex(),
            "empty": ranks.share(b"") == b"",
            "gathered": ranks.gather({"rank": ranks.rank, "long": "x" * 10**ranks.rank}),
            "raw": [part.hex() for part in ranks.gather(bytes([ranks.rank]) * ranks.rank)],
        }

    first, *others = in_ranks(3, work)
    assert first["close"]
    assert first["untouched"]
    assert first["tensor"] == [6.0] * 4
    assert first["led"] == [7.0, 7.0]
    assert first["shared"] | {"nan": 0} == {"of": 0, "nan": 0, "text": "ééé"}
    assert first["bytes"] == "00" * 5
    assert first["empty"]
    assert first["gathered"] == [{"rank": r, "long": "x" * 10**r} for r in range(3)]
    assert first["raw"] == ["", "01", "0202"]
    assert [repr(other) for other in others] == [repr(first)] * 2  # repr: nan


def test_a_process_that_has_ended_is_missed_at_once():
    def work(ranks):
        ranks.share(1)
        if ranks.rank == 1:
            os._exit(9)
        began = time.monotonic()
        try:
            ranks.add_arrays(np.ones(3))
        finally:
            assert time.monotonic() - began < 20
        return "nobody is missed"

    found = in_ranks(2, work)
    assert found[0] == "LostRanksError: process 0 of 2 lost the others: one of them has ended"


def test_a_process_that_does_not_answer_is_given_up():
    def work(ranks):
        ranks.share(1)
        if ranks.rank == 1:
            time.sleep(1.5)
            return None
        return float(ranks.add_arrays(np.ones(1))[0])

    found = in_ranks(2, work, DLCLI_TIMEOUT="0.5")
    assert found[0] == "LostRanksError: process 0 of 2 lost the others: no answer within 0.5 seconds"


def test_a_process_that_never_comes_is_given_up():
    def work(ranks):
        raise AssertionError("met")

    (found,) = in_ranks(1, work, DLCLI_TIMEOUT="1", WORLD_SIZE="2")
    assert found == "LostRanksError: process 0 of 2 lost the others: no answer within 1 seconds"


def test_what_all_have_to_tell_is_told_once():
    def work(ranks):
        same = may_tell("no such file")
        own = may_tell(f"no such file on host {ranks.rank}")
        ranks.share()
        return [same, own, may_tell("lost the others", follows=True)]

    found = in_ranks(3, work)
    assert sorted(same for same, _, _ in found) == [False, False, True]
    assert [own for _, own, _ in found] == [True] * 3
    assert [after for _, _, after in found] == [False] * 3


def test_that_another_was_killed_is_told_once_by_the_others():
    def work(ranks):
        told = may_tell("lost the others", follows=True)
        ranks.share()
        return told

    assert sorted(in_ranks(3, work)) == [False, False, True]


def test_who_cannot_reach_the_others_tells(monkeypatch):
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "9"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(telling, "REACH", 0.3)
    assert may_tell("lost the others", follows=True)


def test_a_signal_ends_the_wait_for_others_that_hang():
    def work(ranks):
        ranks.share()
        if ranks.rank == 1:
            time.sleep(2)
            return None
        module.GRACE, module.GLANCE = 0.2, 0.1
        with deferred_signals():
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
            try:
                ranks.share()
            except DlcliError as error:
                return [error.message, error.exit_code]

    found = in_ranks(2, work)
    assert found[0] == ["process 0 of 2 was told to end, and the others don't answer", 143]


def test_a_group_remembers_what_a_restart_needs():
    def work(ranks):
        before = ranks.kept("run")
        ranks.share()
        if ranks.leads:
            ranks.keep("run", "runs/train-deconv-007")
        ranks.share()
        return [before, ranks.kept("run")]

    assert in_ranks(2, work) == [[None, "runs/train-deconv-007"]] * 2


def test_gloo_takes_the_interface_that_reaches_the_first_process(monkeypatch):
    for name, value in {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "localhost"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(wire.INTERFACE_VARIABLE, raising=False)
    wire.choose_interface()
    assert os.environ[wire.INTERFACE_VARIABLE] == "lo"
    monkeypatch.setenv(wire.INTERFACE_VARIABLE, "ib0")
    wire.choose_interface()
    assert os.environ[wire.INTERFACE_VARIABLE] == "ib0"
    assert wire.interface_of("192.0.2.77") is None
    assert wire.local_address("no such host") is None
