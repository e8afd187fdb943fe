"""Searching the options of networks: batches, rungs and pruners, on real small trainings."""

import json
from pathlib import Path

import numpy as np
import pytest

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.progress import Silent
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.search.plan import plan_search
from dlcli.tasks.train_deconv import train_deconv
from dlcli.tasks.trainings import open_trials
from dlcli.tasks.tune_lr import tune_lr


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    image_set = dead_leaves(10, 32, 0, 1)
    path = tmp_path_factory.mktemp("data") / "leaves.npy"
    np.save(path, np.stack([image_set.pixels(i) for i in range(10)]))
    return str(path)


def training(data, **options):
    small = {"filters": "4", "depth": 1, "crop": 16, "steps": 12, "report_every": 4, "optimizer": "adam", "val": 0.2,
             "batch_size": 4, "amp": "off", "device": "cpu", "threads": 1}  # fmt: skip
    return TrainDeconvConfig.build({"data": [data], **small, **options})


def tuned(base, **options):
    grid = {} if "random" in options or "tpe" in options else {"points": 3}
    return tune_lr(TuneLrConfig.build({**grid, "lr": "1e-3:0.03", "pruner": "none", **options}), base)


def values(report):
    return [trial.value for trial in report.trials]


@pytest.mark.thinned(1)
@pytest.mark.parametrize("optimizer", ["adam", "muon", "sgd"])
def test_a_batch_gives_what_separate_trainings_give(data, optimizer):
    base = training(data, optimizer=optimizer)
    alone = tuned(base, fuse="off", vary=["schedule=constant,cosine,plateau"])
    fused = tuned(base, fuse="9", vary=["schedule=constant,cosine,plateau"])
    assert values(fused) == pytest.approx(values(alone), abs=2e-3)
    assert [t.steps for t in fused.trials] == [12] * 9
    again = train_deconv(TrainDeconvConfig.build({}, best_toml(fused)))
    assert again.metrics["val"]["psnr"] == pytest.approx(fused.best.value, abs=2e-3)


def test_networks_of_an_optimizer_without_a_batch_are_trained_alone(data, monkeypatch):
    base = training(data)
    trials = open_trials(base, None, Silent())
    assert trials.fusion_key(base) is not None
    monkeypatch.setattr("dlcli.networks.trials.BATCHED_OPTIMIZERS", ("muon",))
    assert trials.fusion_key(base) is None


def test_networks_that_begin_with_a_linear_estimate_are_trained_alone(tmp_path):
    images = dead_leaves(4, 24, 0, 3)
    np.save(tmp_path / "colors.npy", np.stack([images.pixels(i) for i in range(4)]))
    base = training(str(tmp_path / "colors.npy"))
    assert open_trials(base, None, Silent()).fusion_key(base) is None


def test_what_a_solver_warns_of_is_told_once_in_a_search(data, monkeypatch):
    class Told(Silent):
        def __init__(self):
            self.warnings = []

        def warn(self, text):
            self.warnings.append(text)

    def refused(batch):
        raise RuntimeError("no compiler")

    monkeypatch.setattr("torch.compile", lambda function, **options: refused)
    base, told = training(data, compile="on"), Told()
    trials = open_trials(base, None, told)
    for _ in range(2):
        (trial,) = trials.start(base, lambda: None)
        list(trial.steps)
    assert [text for text in told.warnings if "compile" in text] == [
        "the network can't be compiled here, so --compile is off: no compiler"
    ]


def best_toml(report):
    return Path(report.best.config)


def test_best_toml_repeats_the_trial_to_the_last_digit(data):
    report = tuned(training(data), fuse="off", vary=["filters=4,6"])
    assert report.metric == "val.psnr"
    assert report.best.value == max(values(report))
    again = train_deconv(TrainDeconvConfig.build({}, best_toml(report)))
    assert again.metrics["val"]["psnr"] == report.best.value


def test_a_replica_that_diverges_touches_no_other(data):
    base = training(data, optimizer="sgd", steps=30)
    well = tuned(base, fuse="off", lr="1e-3,1e-2")
    mixed = tuned(base, fuse="3", lr="1e-3,1e-2,1e30")
    assert [t.state for t in mixed.trials] == ["complete", "complete", "diverged"]
    assert values(mixed)[:2] == pytest.approx(values(well), abs=2e-3)


def test_rungs_train_the_best_in_full(data):
    report = tuned(training(data, steps=32), points=8, pruner="asha")
    states = [t.state for t in report.trials]
    assert states.count("complete") == 3
    assert states.count("pruned") == 5
    assert {t.steps for t in report.trials if t.state == "complete"} == {32}
    assert {t.steps for t in report.trials if t.state == "pruned"} == {6}
    best = next(t for t in report.trials if t.number == report.best.number)
    assert best.state == "complete"
    # The short runs decided who went on.
    assert max(values(report)) == report.best.value


def test_importances_compare_runs_of_one_length(data):
    report = tuned(training(data, steps=32), points=5, vary=["filters=4,6"], pruner="asha")
    assert len({t.fraction for t in report.trials}) == 2
    assert report.importances_share == 0.2
    assert sum(report.importances.values()) == pytest.approx(1)
    assert tuned(training(data), points=2, vary=["filters=4,6"]).importances_share == 1


def test_a_short_run_is_judged_by_its_end_not_by_the_mean_of_all_its_steps(data):
    base = training(data, steps=400, report_every=20)
    for metric, reports in (("train.loss", 4), (None, 80)):
        config = TuneLrConfig.build({"points": 8, "pruner": "asha", "metric": metric})
        search = plan_search(config, base, Silent(), open_trials)
        assert search.trials.shorter(search.configs.base, 0.2).report_every == reports


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_pruners_stop_what_lags_behind(data, pruner):
    base = training(data, optimizer="sgd", steps=16, report_every=2)
    report = tuned(base, lr="0.03,0.02,0.025,0.03001,0.02001,1e-6,2e-6,3e-6", pruner=pruner)
    states = [t.state for t in report.trials]
    assert "pruned" in states
    assert report.best.params["lr"] > 0.01
    assert all(t.steps < 16 for t in report.trials if t.state == "pruned")


def test_the_same_search_gives_the_same_report(data):
    first, second = (tuned(training(data), fuse="off", random=True, trials=3) for _ in range(2))
    assert values(first) == values(second)
    assert [t.params for t in first.trials] == [t.params for t in second.trials]


def test_shapes_that_do_not_fit_are_refused_before_anything_is_trained(data):
    with pytest.raises(DlcliError, match="with kernel=4"):
        tuned(training(data), vary=["kernel=3,4"])


def test_classes(tmp_path):
    random = np.random.default_rng(0)
    images = np.zeros((60, 8, 8), np.uint8)
    labels = np.arange(60) % 2
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] = random.integers(100, 255, (8, 4))
    np.savez(tmp_path / "classes.npz", images=images, labels=labels)
    base = training(str(tmp_path / "classes.npz"), task="classify", stride="1", optimizer="adam", augment="none")
    report = tuned(base, fuse="off", metric="accuracy")
    assert report.metric == "val.accuracy"
    assert report.larger_is_better
    assert json.loads(report.to_json())["best"]["value"] == max(values(report))


def without_val(base):
    return TrainDeconvConfig.build({n: value for n, value in base.given().items() if n != "val"})


def test_folds_are_trained_and_measured_apart(data):
    report = tuned(without_val(training(data)), cv=3, fuse="9", points=2)
    lines = (Path(report.best.config).parent / "trials.jsonl").read_text().splitlines()
    trials = [json.loads(line)["outcome"] for line in lines[1:]]
    assert [len(set(t["each"])) for t in trials] == [3, 3]
    assert [t["value"] for t in trials] == pytest.approx([sum(t["each"]) / 3 for t in trials])
    assert [t["steps"] for t in trials] == [36, 36]  # 12 for each fold
    repeated = tuned(without_val(training(data)), cv=3, points=2)
    assert values(repeated) == values(report)


def test_folds_beside_val_are_refused(data):
    with pytest.raises(DlcliError, match="--cv and --val both hold images out"):
        tuned(training(data), cv=3)


@pytest.mark.parametrize(("fuse", "repeats", "fused"), [("off", 3, False), ("2", 3, False), ("3", 3, True)])
def test_repeats_are_fused_as_fuse_says(data, fuse, repeats, fused):
    report = tuned(training(data), fuse=fuse, repeats=repeats, points=2)
    lines = (Path(report.best.config).parent / "trials.jsonl").read_text().splitlines()[1:]
    outcomes = [json.loads(line)["outcome"] for line in lines]
    assert [o["stacked"] for o in outcomes] == [fused, fused]
    for outcome in outcomes:
        assert outcome["metrics"]["val"]["psnr"] == pytest.approx(sum(outcome["each"]) / repeats)


def test_dropout_is_the_same_whatever_ran_before(data):
    base = training(data, dropout=0.3)
    both = tuned(base, lr="0.01,0.02")
    second = tuned(base, lr="0.01,0.02", out=Path("again"))
    assert values(both) == values(second)
    again = train_deconv(TrainDeconvConfig.build({}, best_toml(both)))
    assert again.metrics["val"]["psnr"] == both.best.value


def test_a_batch_that_memory_is_too_small_for_is_run_one_by_one(data, monkeypatch):
    from dlcli.networks.trials import NetworkTrials

    alone = tuned(training(data), fuse="off")

    def fused(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(NetworkTrials, "start_fused", fused)
    assert values(tuned(training(data), fuse="3")) == values(alone)


def test_workers_leave_a_config_that_repeats_their_best(data):
    base = TrainDeconvConfig.build({n: value for n, value in training(data).given().items() if n != "threads"})
    report = tuned(base, fuse="off", workers=2)
    assert "threads = 1" in best_toml(report).read_text()
    again = train_deconv(TrainDeconvConfig.build({}, best_toml(report)))
    assert again.metrics["val"]["psnr"] == report.best.value


def test_hyperband_in_memory_is_the_same_each_time(data):
    base = training(data, optimizer="sgd", steps=16, report_every=2)
    rates = "0.03,0.02,0.025,0.03001,0.02001,1e-6,2e-6,3e-6"
    first, second = (tuned(base, lr=rates, pruner="hyperband") for _ in range(2))
    assert [(t.state, t.steps) for t in first.trials] == [(t.state, t.steps) for t in second.trials]


def test_short_rungs_decay_as_far_as_long_ones():
    from dlcli.search.trials import shorter_decay

    step = TrainDeconvConfig.build({"schedule": "step", "decay_every": 100})
    assert shorter_decay(step, 0.2) == {"decay_every": 20}
    exponential = TrainDeconvConfig.build({"schedule": "exponential"})
    assert shorter_decay(exponential, 0.25)["decay_factor"] ** 25 == pytest.approx(0.999**100)
    time = TrainDeconvConfig.build({"schedule": "time", "decay_rate": 0.01})
    assert 1 + shorter_decay(time, 0.1)["decay_rate"] * 10 == pytest.approx(1 + 0.01 * 100)


def test_what_a_batch_had_recorded_before_memory_ran_out_is_not_run_again(data, monkeypatch):
    from dataclasses import replace

    from dlcli.networks.trials import NetworkTrials

    base = training(data, optimizer="sgd", steps=60)
    alone = tuned(base, fuse="off", lr="1e-3,1e30,1e-2")
    real, started = NetworkTrials.start_fused, []

    def failing(steps):
        yield from (next(steps) for _ in range(10))
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    def fused(*words):
        runs = real(*words)
        return [*runs[:2], [replace(runs[2][0], steps=failing(runs[2][0].steps))]]

    start = NetworkTrials.start
    monkeypatch.setattr(NetworkTrials, "start_fused", fused)
    monkeypatch.setattr(NetworkTrials, "start", lambda *words: (started.append(words[1].lr), start(*words))[1])
    report = tuned(base, fuse="3", lr="1e-3,1e30,1e-2")
    assert [t.state for t in report.trials] == ["complete", "diverged", "complete"]
    assert started == [1e-3, 1e-2]
    assert [values(report)[i] for i in (0, 2)] == [values(alone)[i] for i in (0, 2)]
