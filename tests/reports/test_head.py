"""The fields that all reports of a kind have: named as the reports name them, and none left out."""

import time
from pathlib import Path

import pytest

from dlcli import __version__
from dlcli.reports.document import RunReport, TrainingReport
from dlcli.reports.head import Ended, evaluation_head, prediction_head, training_head
from dlcli.reports.predict import Prediction, TablePredictReport

ENDED = Ended(7, "stopped", "interrupted by Ctrl-C", 2)


def test_a_training_ends_as_it_says():
    head = training_head(Path("runs/a"), "cpu", 3, 1.5, ENDED)
    assert head == {
        "dlcli": __version__, "run": "runs/a", "device": "cpu", "seed": 3, "seconds": 1.5, "steps": 7,
        "status": "stopped", "reason": "interrupted by Ctrl-C", "signal": 2,
    }  # fmt: skip
    assert training_head("runs/a", "cpu", 3, 1.5, ENDED._replace(signum=0))["signal"] is None
    assert {*head, "command"} == set(TrainingReport.model_fields)
    assert TrainingReport(**head, command="fit-linear").interrupted_by == 2


def test_an_evaluation_takes_no_step_and_ends_now():
    head = evaluation_head(Path("runs/a"), "cuda:0", 5, time.monotonic() - 100)
    assert head.pop("seconds") == pytest.approx(100, abs=5)
    assert head == {
        "dlcli": __version__, "run": "runs/a", "device": "cuda:0", "seed": 5, "steps": 0, "status": "finished"
    }  # fmt: skip
    assert {*head, "command", "seconds"} == set(RunReport.model_fields)


@pytest.mark.parametrize(("out", "said"), [(None, None), (Path("p.csv"), "p.csv")])
def test_a_prediction_says_where_it_went(out, said):
    head = prediction_head(Path("runs/a"), out, time.monotonic() - 100)
    assert head.pop("seconds") == pytest.approx(100, abs=5)
    assert head == {"run": "runs/a", "out": said, "status": "finished"}
    assert {*Prediction.model_fields} - {*head} == {"command"}
    assert {*TablePredictReport.model_fields} - {*head, "seconds"} == {"command", "rows"}
