"""What a run that has ended is taken for."""

import math

import pytest

from dlcli.engine.loop import Step
from dlcli.search.pool import WorkerOrder
from dlcli.search.runner import Run, judge
from dlcli.search.space import Point
from dlcli.search.study.jobs import Job
from dlcli.search.trials import Metric, Trial


def report(loss=1.0, status="", reason="", step=10):
    return Step(step, loss, loss + 1, 0.1, 0.0, 0.5, True, status=status, reason=reason)


def ended(*losses, status="finished", reason="step limit reached"):
    """A run of a trial for each of ``losses``, that of its best state."""
    run = Run(Job(Point(0, {"lr": 0.1}), 0, None), [])
    for number, loss in enumerate(losses):
        metrics = {"train": {"loss": loss}, "val": {"loss": loss + 1}}
        run.trials.append(Trial(iter(()), lambda metrics=metrics: metrics, stable_lr=0.5))
        run.last[number] = report(loss, status, reason)
    return run


def test_a_run_is_the_mean_of_its_trials():
    outcome = judge(ended(1.0, 3.0), Metric("val", "loss"), "")
    assert (outcome.state, outcome.value, outcome.each) == ("complete", 3.0, (2.0, 4.0))
    assert outcome.metrics == {"train": {"loss": 2.0}, "val": {"loss": 3.0}}
    assert (outcome.steps, outcome.reason, outcome.stable_lr) == (20, "step limit reached", 0.5)


def test_means_over_folds_have_the_name_that_the_metric_has():
    outcome = judge(ended(1.0, 3.0), Metric("val", "loss", folds=2), "")
    assert outcome.metrics["cv"] == outcome.metrics["val"]


def test_one_trial_that_diverged_makes_the_run_diverge():
    run = ended(1.0, 3.0)
    run.last[1] = report(status="diverged", reason="the loss grew without bound")
    outcome = judge(run, Metric("val", "loss"), "")
    assert (outcome.state, outcome.reason, outcome.metrics) == ("diverged", "the loss grew without bound", {})
    assert math.isnan(outcome.value)
    assert judge(ended(1.0), Metric("val", "loss"), "no memory").reason == "no memory"


def test_a_value_that_is_not_finite_is_none():
    outcome = judge(ended(math.inf), Metric("train", "loss"), "")
    assert (outcome.state, outcome.reason) == ("diverged", "train.loss is not finite")


@pytest.mark.parametrize(("part", "value"), [("train", 1.0), ("val", 2.0)])
def test_a_pruned_run_has_the_value_of_its_last_report(part, value):
    run = ended(1.0, status="")
    run.pruned = True
    outcome = judge(run, Metric(part, "loss"), "")
    assert (outcome.state, outcome.value, outcome.each, outcome.reason) == ("pruned", value, (), "pruner")


def test_an_order_reaches_a_worker_as_it_was_given():
    order = WorkerOrder({"lr": "0.1,1", "vary": ["l2=0,1"]}, "fit-linear", {"data": ["a.csv"]})
    order = order.for_study("postgresql://me:secret@db/s", "wine")
    assert WorkerOrder.from_json(order.to_json()) == order
