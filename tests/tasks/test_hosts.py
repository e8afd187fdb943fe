"""train-deconv by two hosts: over a wire, and what becomes of it when that is cut."""

import os
import time

import pytest

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine import wire
from dlcli.networks.training.step.gradient import LossGradient
from dlcli.tasks.train_deconv import train_deconv
from tests.hosts import two_hosts
from tests.ranks import in_ranks
from tests.tasks.test_ranks import NEAR, SMALL
from tests.tasks.test_train_deconv import photographs

TIME_OUT = 3  # seconds


@pytest.fixture
def hosts():
    with two_hosts() as both:
        if both is None:
            pytest.skip("needs the right to make network namespaces")
        yield both


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photos = photographs(tmp_path / "photos", count=9, side=32)
    return TrainDeconvConfig.build({"data": (photos,), **SMALL})


def on(hosts, work):
    """What ``work`` returns in a process on each of the ``hosts``."""
    env = {
        "MASTER_ADDR": hosts[0].address, "LOCAL_WORLD_SIZE": "1", "LOCAL_RANK": "0", "DLCLI_TIMEOUT": str(TIME_OUT),
    }  # fmt: skip
    return in_ranks(2, work, lambda ranks: hosts[ranks.rank].enter(), **env)


def test_two_hosts_train_to_the_same_loss_and_one_goes_on_when_the_wire_is_cut(hosts, config, monkeypatch):
    monkeypatch.delenv(wire.INTERFACE_VARIABLE, raising=False)  # a process that an earlier test left has chosen one
    (alone,) = in_ranks(1, lambda _: train_deconv(config.with_options({"out": "alone"})).metrics)

    def work(ranks):
        report = train_deconv(config.with_options({"out": "two"}))
        return [report.metrics, report.environment.processes, os.environ[wire.INTERFACE_VARIABLE]]

    two = on(hosts, work)
    assert two[0][:2] == two[1][:2]
    assert two[0][1:] == [2, "wire0"]
    assert two[1][1:] == [2, "wire1"]
    for part, values in alone.items():
        assert two[0][0][part] == pytest.approx(values, rel=NEAR)

    def cut(ranks):
        backward = LossGradient.backward
        began = []

        def cutting(gradient, batch, step):
            if step == 13:
                began.append(time.monotonic())
                if ranks.rank:
                    hosts[1].cut()
            return backward(gradient, batch, step)

        monkeypatch.setattr(LossGradient, "backward", cutting)
        try:
            train_deconv(config.with_options({"out": "cut"}))
        except Exception as error:
            return [f"{type(error).__name__}: {error}", time.monotonic() - began[0]]

    for rank, (said, seconds) in enumerate(on(hosts, cut)):
        assert said.startswith(
            f"LostRanksError: process {rank} of 2 lost the others: no answer within {TIME_OUT} seconds"
        )
        assert TIME_OUT - 1 < seconds < TIME_OUT + 5
    (resumed,) = in_ranks(1, lambda _: train_deconv(TrainDeconvConfig.build({"resume": "cut"})).metrics)
    for part, values in alone.items():
        assert resumed[part] == pytest.approx(values, rel=NEAR)
