"""What a run that has ended is taken for."""

import math
import sys
from types import SimpleNamespace

import pytest

from dlcli.engine.loop import Step
from dlcli.errors import DlcliError
from dlcli.search import pool
from dlcli.search.pool import WorkerOrder
from dlcli.search.records import Record
from dlcli.search.runner import Run, Runner, judge
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


class Jobs:
    """A study, as far as a process whose time is up looks at it."""

    def __init__(self, *states):
        self.states = states

    def jobs(self):
        return [Record(number, {}, state) for number, state in enumerate(self.states)]

    def open_jobs(self):
        return self.states.count("waiting"), self.states.count("running")

    def records(self, _halving):
        return self.jobs()

    def interrupt(self, jobs):
        pass


@pytest.mark.parametrize(
    ("states", "reason"),
    [
        (("complete", "diverged"), ""),
        (("complete", "running"), "time limit reached"),
        (("complete",), "time limit reached"),  # the sampler is still to draw the second
    ],
)
def test_a_search_that_ended_in_time_was_not_stopped(states, reason):
    runner = Runner(SimpleNamespace(runs=2), Jobs(*states), None, lambda: None)
    assert runner.work(-math.inf) == reason


def search_of(workers):
    return SimpleNamespace(settings=SimpleNamespace(workers=workers), halving=None)


def test_workers_that_die_at_once_are_a_failure(monkeypatch):
    """What was written to the first of them was a broken pipe, which passed for a reader that had enough: code 0."""

    class Dead(pool.Worker):
        def __init__(self, environment):
            super().__init__(environment)
            self.wait()

    monkeypatch.setattr(pool, "Worker", Dead)
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(DlcliError, match="2 of 2 workers failed"):
        pool.work_together(
            search_of(2), Jobs("waiting"), None, WorkerOrder({}, "fit-linear", {}), math.inf, lambda: None
        )


def test_where_a_second_worker_cannot_be_made_the_first_is_stopped(monkeypatch):
    made = []

    class Few(pool.Worker):
        def __init__(self, environment):
            if made:
                raise BlockingIOError("no more processes")
            super().__init__(environment)
            made.append(self)

    monkeypatch.setattr(pool, "Worker", Few)
    order = WorkerOrder({"points": "no number"}, "fit-linear", {})
    with pytest.raises(BlockingIOError):
        pool.work_together(search_of(2), Jobs("waiting"), None, order, math.inf, lambda: None)
    assert made[0].returncode is not None
