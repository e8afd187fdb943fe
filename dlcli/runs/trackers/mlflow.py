"""Runs in MLflow: on the server that MLFLOW_TRACKING_URI names, else in ./mlflow.db, as MLflow itself has it."""

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcli.errors import DlcliError
from dlcli.files import JsonObject, to_json
from dlcli.runs.directory import RunDirectory
from dlcli.runs.names import CONFIG, MLFLOW, MODEL, REPORT
from dlcli.runs.trackers.base import Ended, metrics_of, scalars

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "dlcli"
EVERY = 1.0  # seconds between two messages to the server: each is a request
MOST_METRICS, MOST_PARAMS, LONGEST = 1000, 100, 6000  # what MLflow takes in one request, and of one value
ENDINGS = {"stopped": "KILLED", "diverged": "FAILED", "failed": "FAILED"}
# No request but those that are asked for, and an answer in seconds where a server is gone.
DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}  # fmt: skip


class MLflow:
    """One run in MLflow. What can't be sent is kept and sent with the next message."""

    def __init__(self, run: RunDirectory, resumed: bool, warn: Callable[[str], None]) -> None:
        """Make the run, or take up that of a run that is resumed. Raises DlcliError where MLflow doesn't answer."""
        self._warn = warn
        self._waiting: list[Any] = []
        self._sent, self._failing = time.monotonic(), False
        try:
            self.client = _client()
            self.id = (_before(run.path) if resumed else None) or self._create(run.path)
            self.client.update_run(self.id, status="RUNNING")
        except Exception as error:  # whatever the store in use raises: of HTTP, of SQL, of files
            raise DlcliError(
                f"--log-to mlflow: {_told(error)}", "look at MLFLOW_TRACKING_URI, or leave it out"
            ) from None
        run.write(MLFLOW, to_json({"run": self.id, "tracking_uri": self.client.tracking_uri}) + "\n")

    def _create(self, run: Path) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
        known = self.client.get_experiment_by_name(name)
        experiment = known.experiment_id if known else self.client.create_experiment(name)
        return str(self.client.create_run(experiment, run_name=run.name).info.run_id)

    def step(self, record: JsonObject) -> None:
        """Add one report's numbers, at the latest with the end."""
        self._waiting += _metrics(scalars(record), int(record["step"]))
        if time.monotonic() - self._sent >= EVERY:
            self._send()

    def _send(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            while self._waiting:
                self.client.log_batch(self.id, metrics=self._waiting[:MOST_METRICS])
                del self._waiting[:MOST_METRICS]
        except (MlflowException, OSError) as error:
            if not self._failing:
                self._warn(f"--log-to mlflow: {_told(error)}; the run goes on, and what is missing is sent later")
            self._failing = True
        self._sent = time.monotonic()  # after it, as a server that is gone takes its time

    def end(self, run: Path) -> None:
        """Add the settings, the saved model's metrics, a search's trials and the files, and end the run."""
        from mlflow.exceptions import MlflowException

        ended = Ended.of(run)
        self._waiting += _metrics(ended.metrics, int(ended.report.get("steps", 0) or 0))
        self._send()
        try:
            self._describe(ended, run)
            for trial in ended.trials:
                self._trial(run, trial)
            self.client.set_terminated(self.id, ENDINGS.get(ended.status, "FINISHED"))
        except (MlflowException, OSError) as error:
            self._warn(f"--log-to mlflow: {_told(error)}; {run} has all of it")
            return
        if self._waiting:
            self._warn(f"--log-to mlflow: {len(self._waiting)} numbers were not taken; {run} has all of them")

    def _describe(self, ended: Ended, run: Path) -> None:
        _describe(self.client, self.id, ended.settings)
        about = {"dlcli.status": ended.status, "dlcli.run": str(run), "dlcli.version": str(ended.report.get("dlcli"))}
        if commit := (ended.report.get("environment") or {}).get("commit"):
            about["mlflow.source.git.commit"] = str(commit)
        for name, value in about.items():
            self.client.set_tag(self.id, name, value)
        for name in (CONFIG, REPORT, MODEL):
            if (run / name).is_file():
                self.client.log_artifact(self.id, str(run / name))
        for path in ended.pictures:
            self.client.log_artifact(self.id, str(path), "plots")

    def _trial(self, run: Path, trial: dict[str, Any]) -> None:
        experiment = self.client.get_run(self.id).info.experiment_id
        name = f"{run.name} trial {trial['number']}"
        made = self.client.create_run(experiment, run_name=name, tags={"mlflow.parentRunId": self.id}).info.run_id
        _describe(self.client, made, trial.get("params", {}))
        values = metrics_of(trial.get("metrics", {}))
        self.client.log_batch(made, metrics=_metrics(values, int(trial.get("steps", 0) or 0)))
        self.client.set_terminated(made, "FINISHED" if trial.get("state") == "complete" else "FAILED")


def _before(run: Path) -> str | None:
    """The run of MLflow that the folder ``run`` was written into."""
    try:
        return str(json.loads((run / MLFLOW).read_text(encoding="utf-8"))["run"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _client() -> "MlflowClient":
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    from mlflow import MlflowClient

    return MlflowClient()


def _describe(client: "MlflowClient", run: str, settings: dict[str, Any]) -> None:
    from mlflow.entities import Param

    params = [Param(name, str(value)[:LONGEST]) for name, value in settings.items()]
    for first in range(0, len(params), MOST_PARAMS):
        client.log_batch(run, params=params[first : first + MOST_PARAMS])


def _metrics(values: dict[str, float], step: int) -> list[Any]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [Metric(name, value, now, step) for name, value in values.items()]


def _told(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
