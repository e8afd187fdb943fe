"""``--log-to mlflow``: read back by MLflow's own client, from a folder and from a server that goes away."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.errors import DlcliError
from dlcli.runs.directory import RunDirectory
from dlcli.runs.trackers import mlflow as tracker
from dlcli.tasks.fit_linear import fit_linear
from dlcli.tasks.tune_lr import tune_lr

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow's own imports
FIT = {"log_to": "mlflow", "val": 0.2, "steps": 30, "report_every": 10, "optimizer": "gd", "lr": 0.1}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of a folder, which the environment names; a database would take its tables some ten seconds."""
    mlflow = pytest.importorskip("mlflow")
    folder = tmp_path_factory.mktemp("mlflow")
    kept = dict(os.environ)
    os.environ.update(MLFLOW_TRACKING_URI=(folder / "runs").as_uri(), MLFLOW_EXPERIMENT_NAME="tests")
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_ALLOW_FILE_STORE="true")
    client = mlflow.MlflowClient()
    client.create_experiment("tests", artifact_location=(folder / "artifacts").as_uri())
    yield client
    os.environ.clear()
    os.environ.update(kept)


@pytest.fixture(scope="module")
def fitted(client, tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "mine"
    report = fit_linear(FitLinearConfig.build({**FIT, "out": run}))
    found = client.get_run(json.loads((run / "mlflow.json").read_text())["run"])
    return run, report, found


def test_every_report_is_there_under_its_step(client, fitted):
    run, _, found = fitted
    wanted = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    for name, key in (("loss", "train/loss"), ("val_loss", "val/loss")):
        history = client.get_metric_history(found.info.run_id, key)
        assert {m.step: m.value for m in history} == {record["step"]: record[name] for record in wanted}


def test_settings_metrics_and_files_are_there(client, fitted):
    _, report, found = fitted
    assert found.info.run_name == "mine"
    assert found.info.status == "FINISHED"
    assert found.data.params["lr"] == "0.1"
    assert found.data.tags["dlcli.status"] == report.status
    for part, metrics in report.metrics.items():
        for name, value in metrics.items():
            assert found.data.metrics[f"model/{part}/{name}"] == value
    files = {f.path for f in client.list_artifacts(found.info.run_id)}
    assert files == {"config.toml", "report.json", "model.safetensors", "plots"}
    assert [f.path for f in client.list_artifacts(found.info.run_id, "plots")] == ["plots/loss.png"]


def test_a_run_that_diverges_has_failed(client, tmp_path):
    with pytest.raises(DlcliError, match="diverged"):
        fit_linear(FitLinearConfig.build({**FIT, "lr": 1e9, "steps": 3000, "out": tmp_path / "run"}))
    found = client.get_run(json.loads((tmp_path / "run" / "mlflow.json").read_text())["run"])
    assert (found.info.status, found.data.tags["dlcli.status"]) == ("FAILED", "diverged")


def test_the_trials_of_a_search_are_its_runs(client, tmp_path):
    config = TuneLrConfig.build({"out": tmp_path / "run", "lr": "0.01,0.1", "log_to": "mlflow", "plots": "none"})
    report = tune_lr(config, FitLinearConfig.build({"steps": 20}))
    parent = json.loads((tmp_path / "run" / "mlflow.json").read_text())["run"]
    experiment = client.get_experiment_by_name("tests").experiment_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    assert {float(c.data.params["lr"]): c.data.metrics["model/train/loss"] for c in children} == {
        t.params["lr"]: t.value for t in report.trials
    }


def test_a_resumed_run_is_the_same_run(client, tmp_path):
    run = RunDirectory("train-deconv", tmp_path / "run")
    first = tracker.MLflow(run, False, print)
    again = tracker.MLflow(run, True, print)
    assert first.id == again.id
    assert tracker.MLflow(RunDirectory("train-deconv", tmp_path / "other"), True, print).id != first.id


def test_a_server_that_goes_away_is_warned_of_once_and_the_run_goes_on(client, tmp_path, monkeypatch):
    from mlflow.exceptions import MlflowException

    said: list[str] = []
    run = RunDirectory("fit-linear", tmp_path / "run")
    log = tracker.MLflow(run, False, said.append)
    monkeypatch.setattr(tracker, "EVERY", 0.0)
    gone = True

    def log_batch(*args, **kwargs):
        if gone:
            raise MlflowException("connection refused\nand more")
        return real(*args, **kwargs)

    real = log.client.log_batch
    monkeypatch.setattr(log.client, "log_batch", log_batch)
    for step in range(3):
        log.step({"step": step, "loss": float(step), "seconds": 0.1})
    assert said == ["--log-to mlflow: connection refused; the run goes on, and what is missing is sent later"]
    gone = False
    log.end(run.path)
    assert {m.step for m in client.get_metric_history(log.id, "train/loss")} == {0, 1, 2}
    assert len(said) == 1


class Refusing(BaseHTTPRequestHandler):
    """A server that is not MLflow's."""

    def do_GET(self):
        self.send_error(404)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_args):
        pass


def test_a_server_that_is_no_mlflow_is_refused_before_training(client, tmp_path, monkeypatch):
    server = HTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(DlcliError, match=r"--log-to mlflow: .*404.*: look at MLFLOW_TRACKING_URI"):
        fit_linear(FitLinearConfig.build({**FIT, "out": tmp_path / "run"}))
    server.shutdown()
    server.server_close()
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
