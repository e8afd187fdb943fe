"""Studies: who runs which point, and what is remembered, in memory, a journal and a database."""

import subprocess
import sys
import time
from dataclasses import replace

import optuna
import pytest

from dlcli.errors import DlcliError
from dlcli.search.halving import HalvingSchedule, make_halving_schedule
from dlcli.search.records import Outcome, Record
from dlcli.search.settings import StudyPlace, StudyRules
from dlcli.search.space import parse_space
from dlcli.search.study.study import Study

SPACE = parse_space("1e-3:1", ["filters=4,8"], lambda name: name != "filters", None)
POINTS = SPACE.grid([5, 1])


@pytest.fixture(params=["memory", "journal", "sqlite"])
def url(request, tmp_path):
    return {
        "memory": None,
        "journal": f"journal://{tmp_path / 'study.journal'}",
        "sqlite": f"sqlite:///{tmp_path / 'study.db'}",
    }[request.param]


@pytest.fixture
def journal(tmp_path):
    return f"journal://{tmp_path / 'study.journal'}"


def opened(url, about="this", name="s", larger=False, sampler=None, heartbeat=1.0):
    return Study(StudyPlace(url, name, heartbeat), {"about": about}, SPACE, StudyRules(larger, sampler))


def outcome(value, state="complete"):
    return Outcome(state, value, (value,), {"train": {"loss": value}}, 10, 0.5)


def run_all(study, value=lambda job: float(job.params["lr"])):
    done = []
    while jobs := study.claim(3):
        for job in jobs:
            study.finish(job, outcome(value(job.point)))
            done.append(job.point.number)
    return done


def test_every_point_is_run_once_and_remembered(url):
    study = opened(url)
    study.enqueue(POINTS)
    assert sorted(run_all(study)) == list(range(10))
    records = study.records()
    assert [r.params for r in records] == [p.params for p in POINTS]
    assert [r.value for r in records] == [p.params["lr"] for p in POINTS]
    assert all(r.state == "complete" and r.outcome.metrics == {"train": {"loss": r.value}} for r in records)
    assert study.open_jobs() == (0, 0)


def test_a_second_process_shares_the_points(tmp_path, url):
    if url is None:
        pytest.skip("memory is not shared")
    first = opened(url)
    first.enqueue(POINTS)
    second = opened(url)
    second.enqueue(POINTS)
    numbers = []
    for study in [first, second] * 5:
        for job in study.claim(1):
            study.finish(job, outcome(1.0))
            numbers.append(job.point.number)
    assert sorted(numbers) == list(range(10))
    assert len(first.records()) == len(second.records()) == 10
    # A study that has ended has nothing left to do.
    third = opened(url)
    third.enqueue(POINTS)
    assert third.claim(5) == []


def test_points_that_stand_there_twice_are_run_once(journal):
    first, second = opened(journal), opened(journal)
    first.enqueue(POINTS)
    second.created = True  # as if it had found the first one dead while it was putting them up
    for point in POINTS:
        second._enqueue(point.number, 0, point.params)
    assert sorted(run_all(first) + run_all(second)) == list(range(10))
    assert len(second.records()) == 10


def test_a_study_of_another_space_is_refused(url):
    if url is None:
        pytest.skip("memory is not shared")
    opened(url)
    with pytest.raises(DlcliError, match="other about"):
        opened(url, about="that")


def test_a_study_of_another_tool_is_refused(journal, monkeypatch):
    import optuna

    monkeypatch.setattr("dlcli.search.study.opening.TAKE_OVER", 0.2)
    study = opened(journal)
    optuna.create_study(study_name="other", storage=study.connection.storage)
    with pytest.raises(DlcliError, match="not by dlcli"):
        opened(journal, name="other")


def test_what_is_interrupted_is_there_for_the_next_one(url):
    study = opened(url)
    study.enqueue(POINTS)
    jobs = study.claim(4)
    study.finish(jobs[0], outcome(1.0))
    study.interrupt(jobs[1:])
    assert study.open_jobs() == (9, 0)
    assert sorted([jobs[0].point.number, *run_all(study)]) == list(range(10))


def test_a_job_that_does_not_fit_is_there_for_the_next_claim(url):
    study = opened(url)
    study.enqueue(POINTS)
    jobs = study.claim(10, accept=lambda job: job.point.params["filters"] == "4")
    assert [job.point.number for job in jobs] == [0]
    assert sorted([0, *run_all(study)]) == list(range(10))
    # In memory it is the very next one.
    assert url or [r.number for r in study.jobs()] == list(range(10))


def test_diverged_and_infinite_values_survive(url):
    study = opened(url)
    study.enqueue(POINTS)
    for number, job in enumerate(study.claim(10)):
        found = Outcome("diverged", float("nan"), reason="grew") if number % 2 else outcome(float(number))
        study.finish(job, found)
    states = [r.state for r in study.records()]
    assert states == ["complete", "diverged"] * 5
    assert study.study.best_trial.user_attrs["point"] == 0


def test_the_best_of_a_rung_are_promoted():
    study = opened(None)
    halving = make_halving_schedule(10)
    study.enqueue(POINTS)
    run_all(study)
    while study.promote(halving):
        run_all(study)
    top = [r for r in study.records(halving) if r.rung == halving.rungs - 1]
    assert len(top) == halving.counts[-1]
    assert min(POINTS, key=lambda p: p.params["lr"]).number in [r.number for r in top]
    assert [r.state for r in study.records(halving)].count("pruned") == 10 - len(top)


def test_a_rung_waits_for_the_one_below():
    study = opened(None)
    study.enqueue(POINTS)
    jobs = study.claim(10)
    for job in jobs[:-1]:
        study.finish(job, outcome(1.0))
    assert not study.promote(make_halving_schedule(10))
    assert study.open_jobs() == (0, 1)


DIES = """
import os, signal, sys
from tests.search.study.test_study import opened
study = opened(sys.argv[1])
job, = study.claim(1)
print(job.point.number, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_a_dead_worker_s_point_is_run_again_once(tmp_path, kind):
    url = f"journal://{tmp_path / 's.journal'}" if kind == "journal" else f"sqlite:///{tmp_path / 's.db'}"
    study = opened(url)
    study.enqueue(POINTS)

    def killed():
        done = subprocess.run([sys.executable, "-c", DIES, url], capture_output=True, text=True, check=False)
        assert done.returncode == -9, done.stderr
        return int(done.stdout)

    number = killed()
    others = run_all(study)
    assert sorted([number, *others]) == list(range(10))
    assert wait_for_revival(study)
    job = study.claim(1)[0]
    assert job.point.number == number
    # A living worker's job is its own, however often one looks.
    assert study.revive() == 0
    study.finish(job, outcome(1.0))
    assert [r.state for r in study.records()] == ["complete"] * 10


def wait_for_revival(study):
    import time

    for _ in range(60):
        if study.revive():
            return True
        time.sleep(0.2)
    return False


def test_a_point_that_kills_two_workers_is_given_up(journal):
    study = opened(journal)
    study.enqueue(POINTS[:1])
    for revived in (True, False):
        done = subprocess.run([sys.executable, "-c", DIES, journal], capture_output=True, text=True, check=False)
        assert done.returncode == -9, done.stderr
        assert bool(study.revive()) == revived
    assert [r.state for r in study.records()] == ["failed"]
    assert study.open_jobs() == (0, 0)


def test_known_trials_are_taken_up():
    before = opened(None)
    before.enqueue(POINTS)
    for job in before.claim(4):
        before.finish(job, outcome(float(job.point.number)))
    known = [r for r in before.records() if r.ended]
    study = opened(None)
    study.enqueue(POINTS, known)
    assert sorted(run_all(study)) == list(range(4, 10))
    assert [r.value for r in study.records()][:4] == [0.0, 1.0, 2.0, 3.0]


def test_a_sampler_asks_for_so_many_points():
    import optuna

    study = opened(None, sampler=optuna.samplers.TPESampler(seed=0))
    seen = []
    while job := study.ask(7):
        seen.append(job.point)
        study.finish(job, outcome(abs(float(job.point.params["lr"]) - 0.1)))
    assert len(seen) == 7
    assert all(1e-3 <= p.params["lr"] <= 1 and p.params["filters"] in ("4", "8") for p in seen)
    assert [r.params for r in study.records(HalvingSchedule())] == [p.params for p in seen]


def given_back(url, monkeypatch, look):
    """A study that gives its only job back, another process's, and what that one sees just before the job is ended."""
    if url is None:
        pytest.skip("memory is not shared")
    first, second = opened(url), opened(url)
    first.enqueue(POINTS[:1])
    jobs, seen, end = first.claim(1), [], first._end
    monkeypatch.setattr(first, "_end", lambda *words: (seen.append(look(second)), end(*words)))
    first.interrupt(jobs)
    return first, second, seen


def test_no_other_process_ever_misses_a_job_that_is_given_back(url, monkeypatch):
    first, second, seen = given_back(url, monkeypatch, lambda study: study.open_jobs())
    assert seen == [(0, 1)]
    assert run_all(second) == [0]
    assert [r.state for r in first.records()] == ["complete"]


def test_a_job_given_back_may_be_taken_before_it_has_been_ended(url, monkeypatch):
    first, second, (taken,) = given_back(url, monkeypatch, lambda study: study.claim(1))
    assert [job.point.number for job in taken] == [0]
    second.finish(taken[0], outcome(2.0))
    assert [(r.state, r.value) for r in first.records()] == [("complete", 2.0)]


def test_who_was_taken_for_dead_loses_its_result_and_nothing_else(url):
    if url is None:
        pytest.skip("memory is not shared")
    first, second = opened(url), opened(url)
    first.enqueue(POINTS[:2])
    late, other = first.claim(2)
    second.connection.recovery._bury(second.study, second.study.get_trials(deepcopy=False)[late.trial.number])
    again = second.claim(1)[0]
    assert again.point == late.point
    first.finish(late, outcome(9.0))
    second.finish(again, outcome(1.0))
    first.interrupt([late])
    first.finish(other, outcome(2.0))
    assert [r.value for r in second.records()] == [1.0, 2.0]


def test_points_that_a_sampler_draws_get_new_numbers(url):
    import optuna

    study = opened(url, sampler=optuna.samplers.TPESampler(seed=0))
    known = [replace(study_record(number), outcome=outcome(float(number))) for number in (0, 2, 3)]
    study.enqueue([], known)
    job = study.ask(5)
    study.finish(job, outcome(-1.0))
    assert job.point.number == 4
    assert [r.number for r in study.records()] == [0, 2, 3, 4]


def study_record(number):
    return Record(number, {"lr": 0.1, "filters": "4"}, "complete", 0)


CLAIMER = """
import sys, time
from dlcli.search.settings import StudyPlace, StudyRules
from dlcli.search.space import parse_space
from dlcli.search.study.study import Study
from dlcli.search.records import Outcome
space = parse_space("1e-3:1", [], lambda name: True, None)
study = Study(StudyPlace(sys.argv[1], "s"), {"about": "this"}, space, StudyRules(larger=False))
study.enqueue(space.grid([40]))
time.sleep(max(0, float(sys.argv[2]) - time.time()))
while jobs := study.claim(1):
    print(jobs[0].point.number)
    study.finish(jobs[0], Outcome("complete", 1.0, (1.0,), {}, 1, 0.1))
"""


def test_processes_that_claim_at_one_moment_get_other_points(tmp_path):
    words = [sys.executable, "-c", CLAIMER, f"sqlite:///{tmp_path / 'study.db'}", str(time.time() + 3)]
    together = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    numbers = [int(line) for process in together for line in process.communicate(timeout=60)[0].split()]
    assert [process.returncode for process in together] == [0, 0, 0]
    assert sorted(numbers) == list(range(40))


def test_a_worker_that_was_taken_for_dead_goes_on_to_its_end(url):
    study = opened(url)
    study.enqueue(POINTS[:1])
    job = study.claim(1)[0]
    study.study.tell(job.trial, state=optuna.trial.TrialState.FAIL)  # as another process does with a silent one
    assert not study.should_stop(job, 1.0, 1)
    study.finish(job, outcome(1.0))
    assert study.records()[0].state == "failed"
