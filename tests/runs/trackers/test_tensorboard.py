"""``--log-to tensorboard``: read back by TensorBoard's own reader."""

import json
from pathlib import Path

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.errors import DlcliError
from dlcli.runs.trackers import tracked
from dlcli.tasks.fit_linear import fit_linear
from dlcli.tasks.train_deconv import train_deconv
from dlcli.tasks.tune_lr import tune_lr

pytestmark = pytest.mark.filterwarnings("ignore")  # of TensorBoard's own imports
SMALL = {
    "filters": "8", "depth": 1, "generated": 3, "device": "cpu", "amp": "off", "batch_size": 2, "crop": 32,
    "plots": "none", "log_to": "tensorboard",
}  # fmt: skip


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    events = accumulator(str(folder))
    events.Reload()
    return {tag: {e.step: e.value for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def lines(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    run = tmp_path_factory.mktemp("tb") / "run"
    options = {"out": run, "log_to": "tensorboard", "val": 0.2, "steps": 40, "report_every": 10, "optimizer": "gd"}
    fit_linear(FitLinearConfig.build({**options, "lr": 0.1}))
    return run


def test_every_report_is_there_under_its_step(fitted):
    found = scalars(fitted / "tensorboard")
    wanted = lines(fitted)
    assert len(wanted) == 5
    for name, tag in (("loss", "train/loss"), ("val_loss", "val/loss"), ("gradient_norm", "gradient_norm")):
        assert found[tag] == {r["step"]: pytest.approx(r[name], rel=1e-6) for r in wanted}


def test_the_saved_models_metrics_and_pictures_are_there(fitted):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    report = json.loads((fitted / "report.json").read_text())
    found = scalars(fitted / "tensorboard")
    for part in ("train", "val"):
        for name, value in report["metrics"][part].items():
            assert list(found[f"model/{part}/{name}"].values()) == [pytest.approx(value, rel=1e-6)]
    events = accumulator(str(fitted / "tensorboard"))
    events.Reload()
    assert events.Tags()["images"] == ["loss"]
    assert "_hparams_/experiment" in events.summary_metadata


def test_force_leaves_no_events_of_the_run_before(fitted, tmp_path):
    run = tmp_path / "run"
    for steps in (30, 20):
        options = {"out": run, "force": True, "log_to": "tensorboard", "steps": steps, "report_every": 10}
        fit_linear(FitLinearConfig.build({**options, "optimizer": "gd", "lr": 0.1, "plots": "none"}))
    assert max(scalars(run / "tensorboard")["train/loss"]) == 20
    fit_linear(FitLinearConfig.build({"out": run, "force": True, "steps": 5, "plots": "none"}))
    assert not (run / "tensorboard").exists()


def test_a_resumed_run_goes_on(tmp_path):
    run = tmp_path / "run"
    train_deconv(TrainDeconvConfig.build({"out": run, "steps": 4, "report_every": 2, **SMALL}))
    train_deconv(TrainDeconvConfig.build({"resume": run, "steps": 8}))
    found = scalars(run / "tensorboard")
    assert found["val/psnr"] == {r["step"]: pytest.approx(r["psnr"], rel=1e-5) for r in lines(run)}
    assert max(found["val/psnr"]) == 8


def test_each_trial_of_a_search_has_its_settings_and_metrics(tmp_path):
    run = tmp_path / "run"
    config = TuneLrConfig.build({"out": run, "lr": "0.01,0.1", "log_to": "tensorboard", "plots": "none"})
    report = tune_lr(config, FitLinearConfig.build({"steps": 20}))
    for trial in report.trials:
        found = scalars(run / "tensorboard" / f"trial-{trial.number:03d}")
        assert list(found["model/train/loss"].values()) == [pytest.approx(trial.value, rel=1e-6)]


def test_a_sweep_is_logged_too(tmp_path):
    run = tmp_path / "run"
    config = TuneLrConfig.build({"out": run, "sweep": True, "points": 10, "log_to": "tensorboard"})
    tune_lr(config, FitLinearConfig.build({}))
    assert list((run / "tensorboard").iterdir())


def test_without_the_package_it_is_refused_before_the_data_are_read(monkeypatch, tmp_path):
    monkeypatch.setattr(tracked.importlib.util, "find_spec", lambda _name: None)
    config = FitLinearConfig.build({"data": ("no.csv",), "out": tmp_path / "run", "log_to": "tensorboard"})
    with pytest.raises(DlcliError, match=r"tensorboard, which is not installed: pip install 'dlcli\[tensorboard\]'"):
        fit_linear(config)
    assert not (tmp_path / "run").exists()
