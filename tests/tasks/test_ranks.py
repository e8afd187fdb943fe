"""train-deconv by several processes: what one process learns, all of them learn together."""

import json
import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load_file
from torch.distributed import TCPStore

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Silent
from dlcli.networks.optim import muon
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.step.gradient import LossGradient
from dlcli.tasks.train_deconv import train_deconv
from tests.ranks import in_ranks, torchrun
from tests.tasks.test_train_deconv import photographs, stripes

NEAR = 1e-5  # relative difference of final losses: float32 sums in another order, over some steps
# Batches that don't divide by the number of processes, several shapes of kernels, and validation at several levels.
SMALL = {
    "filters": "6,6", "depth": 0, "amp": "off", "device": "cpu", "batch_size": 5, "val": 0.4, "steps": 24,
    "report_every": 8, "crop": 16, "plots": "none", "threads": 1,
    "schedule": "constant",
}  # fmt: skip


@pytest.fixture
def photos(tmp_path):
    return photographs(tmp_path / "photos", count=9, side=32)


def config_of(*data, **given):
    return TrainDeconvConfig.build({"data": tuple(map(str, data)), **SMALL, **given})


def trained(config, count, then=None, **env):
    """What each of ``count`` processes answers: the losses of its report, or what went wrong."""

    def work(ranks):
        if then is not None:
            then(ranks)
        report = train_deconv(config)
        return {**report.metrics["train"], **report.metrics["val"], "processes": report.environment.processes}

    return in_ranks(count, work, **env)


def losses_of(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 8, 16, 24]
    return [line[name] for line in lines for name in ("loss", "val_loss")]


@pytest.fixture
def store():
    """The store of an agent of torchrun, which outlives the processes that it starts, as their environment names it."""
    server = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=20))
    yield {"MASTER_PORT": str(server.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    del server


@pytest.mark.thinned(1)
@pytest.mark.parametrize("optimizer", ["adam", "muon"])
def test_one_two_killed_and_resumed_end_at_the_same_loss(photos, tmp_path, monkeypatch, store, optimizer):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(muon, "DEALT_OUT", 0)
    config = config_of(photos, optimizer=optimizer)
    (alone,) = trained(config.with_options({"out": "alone"}), 1)
    assert alone["processes"] == 1
    assert alone["loss"] < 0.95 * losses_of(Path("alone"))[0]  # something was learned

    two = trained(config.with_options({"out": "two"}), 2)
    assert two[0] == two[1]
    assert two[0]["loss"] == pytest.approx(alone["loss"], rel=NEAR)
    assert losses_of(Path("two")) == pytest.approx(losses_of(Path("alone")), rel=NEAR)

    three = trained(config.with_options({"out": "three", "steps": 16}), 3)
    assert three == [three[0]] * 3
    (resumed,) = trained(TrainDeconvConfig.build({"resume": "three", "steps": 24}), 1)
    assert resumed["loss"] == pytest.approx(alone["loss"], rel=NEAR)
    resumed = trained(TrainDeconvConfig.build({"resume": "two", "steps": 30}), 1)
    assert resumed[0]["processes"] == 1

    def dies(ranks):  # in the middle of a step, with nothing said
        if ranks.rank == 1:
            backward = LossGradient.backward
            monkeypatch.setattr(
                LossGradient, "backward", lambda *a: os._exit(9) if a[2] == 13 else backward(*a)
            )  # fmt: skip

    killed = trained(config, 2, dies, **store)  # into runs/train-deconv-001
    assert killed == ["LostRanksError: process 0 of 2 lost the others: one of them has ended", None]
    assert not Path("runs/train-deconv-001/report.json").exists()
    again = trained(config, 2, **store, TORCHELASTIC_RESTART_COUNT="1")
    assert again[0]["loss"] == pytest.approx(alone["loss"], rel=NEAR)
    assert losses_of(Path("runs/train-deconv-001")) == pytest.approx(losses_of(Path("alone")), rel=NEAR)
    assert os.listdir("runs") == ["train-deconv-001"]
    finished = trained(config, 2, **store, TORCHELASTIC_RESTART_COUNT="2")  # killed after its last step
    assert finished[0]["loss"] == again[0]["loss"]


def test_all_ranks_have_the_same_weights_to_the_last_bit(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def work(ranks):
        kept = []
        advance = NetworkSolver.advance
        monkeypatch.setattr(NetworkSolver, "advance", lambda s, *a: (kept.append(s), advance(s, *a))[1])
        train_deconv(config_of(photos, out="run", ema=0.9, l1=1e-4, clip=0.5, schedule="hypergradient"))
        return kept[-1].weights.flat.detach().numpy().tobytes().hex()

    first, *others = in_ranks(3, work)
    assert first
    assert others == [first] * 2


def test_more_processes_than_images_of_a_batch(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_of(photos, batch_size=2, optimizer="adam")
    (alone,) = trained(config.with_options({"out": "alone"}), 1)
    three = trained(config.with_options({"out": "three"}), 3)
    assert three[0]["loss"] == pytest.approx(alone["loss"], rel=NEAR)
    assert losses_of(Path("three")) == pytest.approx(losses_of(Path("alone")), rel=NEAR)


def test_classes_are_measured_in_shares(tmp_path, monkeypatch):
    import numpy as np
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for kind in (0, 1):
        (tmp_path / "classes" / str(kind)).mkdir(parents=True)
        for number in range(11):
            Image.fromarray(stripes(kind, 16, random)).save(tmp_path / "classes" / str(kind) / f"{number}.png")
    config = config_of("classes", task="classify", optimizer="adam", augment="shifts", dropout=0.0)
    (alone,) = trained(config.with_options({"out": "alone"}), 1)
    three = trained(config.with_options({"out": "three"}), 3)
    assert three == [three[0]] * 3
    for name in ("loss", "accuracy", "log_loss"):
        assert three[0][name] == pytest.approx(alone[name], rel=NEAR)


def test_a_run_by_time_ends_for_all_at_once(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = TrainDeconvConfig.build(
        {**{n: v for n, v in SMALL.items() if n not in ("steps", "report_every")}, "data": (photos,), "minutes": 0.02}
    )  # fmt: skip

    def work(ranks):
        report = train_deconv(config)
        return [report.steps, report.reason, report.last.metrics, report.seconds < 30]

    found = in_ranks(2, work)
    assert found[0] == found[1]
    assert found[0][0] > 2
    assert found[0][1] == "time limit reached"
    assert found[0][3]


def test_a_signal_to_one_stops_all(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_of(photos, out="run", steps=100_000, report_every=100_000)

    def work(ranks):
        backward = LossGradient.backward

        def signaled(gradient, batch, step):
            if ranks.rank == 1 and step == 5:
                os.kill(os.getpid(), signal.SIGTERM)
            return backward(gradient, batch, step)

        monkeypatch.setattr(LossGradient, "backward", signaled)
        report = train_deconv(config)
        return [report.steps, report.status, report.reason, report.interrupted_by]

    found = in_ranks(2, work)
    assert found[0] == found[1]
    assert found[0][1:] == ["stopped", "ended by SIGTERM", signal.SIGTERM]
    assert load_file("run/model.safetensors")


def test_memory_that_runs_out_for_one_halves_the_batch_of_all(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = config_of(photos, out="run", batch_size=8)

    def work(ranks):
        backward = LossGradient.backward

        def limited(gradient, batch, step):
            if ranks.rank == 1 and len(batch.target) > 2:
                raise torch.OutOfMemoryError("out of memory")
            return backward(gradient, batch, step)

        monkeypatch.setattr(LossGradient, "backward", limited)
        report = train_deconv(config)
        return [report.batch_size, report.steps, report.metrics["train"]["loss"]]

    found = in_ranks(2, work)
    assert found[0] == found[1]
    assert found[0][:2] == [4, 24]


def test_other_images_on_one_host_are_found_out(photos, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = photographs(tmp_path / "other", count=9, side=32, seed=1)

    def work(ranks):
        train_deconv(config_of(other if ranks.rank else photos, out="run"))

    found = in_ranks(2, work)
    assert found[1] == "DlcliError: process 1 has other images than process 0"
    assert found[0].startswith("LostRanksError")


def test_the_checkpoint_follows_process_0_to_another_host(photos, tmp_path, monkeypatch, store):
    """Hosts that share no files: what one of them has, process 0 gets; and it says so where none has it."""
    config = config_of(photos)

    def then(ranks):
        (tmp_path / str(ranks.rank)).mkdir(exist_ok=True)
        os.chdir(tmp_path / str(ranks.rank))

    def dies(ranks):
        then(ranks)
        if ranks.rank == 1:
            backward = LossGradient.backward
            monkeypatch.setattr(LossGradient, "backward", lambda *a: os._exit(9) if a[2] == 13 else backward(*a))

    (alone,) = trained(config.with_options({"out": tmp_path / "alone"}), 1)
    assert trained(config, 2, dies, **store)[1] is None
    (tmp_path / "0").rename(tmp_path / "moved")  # the hosts' numbers are exchanged
    (tmp_path / "1").rename(tmp_path / "0")
    (tmp_path / "moved").rename(tmp_path / "1")
    again = trained(config, 2, then, **store, TORCHELASTIC_RESTART_COUNT="1")
    assert again[0]["loss"] == pytest.approx(alone["loss"], rel=NEAR)
    assert losses_of(tmp_path / "0/runs/train-deconv-001") == pytest.approx(losses_of(tmp_path / "alone"), rel=NEAR)

    for rank in range(2):
        shutil.rmtree(tmp_path / str(rank))

    def anew(ranks):
        then(ranks)
        console = Warned()
        report = train_deconv(config, console)
        return [report.metrics["val"]["loss"], console.warnings[:1]]

    first, second = in_ranks(2, anew, **store, TORCHELASTIC_RESTART_COUNT="2")
    assert first[0] == pytest.approx(alone["loss"], rel=NEAR)
    assert "no host has the checkpoint of runs/train-deconv-001" in first[1][0]
    assert second[1] == []


class Warned(Silent):
    """A progress that keeps the warnings."""

    def __init__(self):
        self.warnings = []

    def warn(self, text):
        self.warnings.append(text)


def test_torchrun_starts_a_killed_group_again(photos, tmp_path, monkeypatch):
    """The launcher's own agent: one line on each event, one run directory, every report once."""

    def dies():
        if (os.environ["RANK"], os.environ["TORCHELASTIC_RESTART_COUNT"]) == ("1", "0"):
            backward = LossGradient.backward
            killed = lambda *a: os.kill(os.getpid(), signal.SIGKILL) if a[2] == 13 else backward(*a)  # noqa: E731
            monkeypatch.setattr(LossGradient, "backward", killed)

    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    code = torchrun(["train-deconv", photos, *options, "--json"], tmp_path, count=2, restarts=1, first=dies)
    err = (tmp_path / "err").read_text()
    assert code == 0, err
    report = json.loads((tmp_path / "out").read_text())  # of one process, once
    assert (report["steps"], report["environment"]["processes"], report["status"]) == (24, 2, "finished")
    losses_of(tmp_path / "runs" / "train-deconv-001")
    assert err.count("process 0 of 2 lost the others: one of them has ended") == 1
    assert err.count("step 24 ") == 1
    assert [p.name for p in (tmp_path / "runs").iterdir()] == ["train-deconv-001"]
