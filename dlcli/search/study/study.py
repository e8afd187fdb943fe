"""A study: which points there are, who runs which, and what came out, kept in Optuna's storage.

Jobs (see ``dlcli.search.study.jobs``) are enqueued as Optuna trials with their point's number, by whoever creates the
study; any number of processes then claim them.
"""

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.search.halving import HalvingSchedule
from dlcli.search.records import Outcome, Record
from dlcli.search.settings import StudyPlace, StudyRules
from dlcli.search.space import Point, Space, Value
from dlcli.search.study.codec import (
    FIRST,
    INSTEAD,
    OUTCOME,
    PARAMS,
    POINT,
    RUNG,
    Distributions,
    all_stored,
    as_json,
    compatible,
    distribution_of,
    trial_of,
    value_of,
)
from dlcli.search.study.connection import Connection
from dlcli.search.study.jobs import Job, Key, count_before, is_duplicate, job_records, keyed, point_records
from dlcli.search.study.numbering import combination, numbered, numbers_of
from dlcli.search.study.opening import FINGERPRINT, OPTIONS, READY, RUNGS, TAKE_OVER, open_or_create

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, TrialState


class Study:
    """A study that is open."""

    def __init__(self, place: StudyPlace, fingerprint: JsonObject, space: Space, rules: StudyRules) -> None:
        """Open the study, or create it. ``fingerprint`` is all that its trials depend on.

        Raises DlcliError for a storage that can't be reached and a study of another space.
        """
        self.space, self.larger = space, rules.larger
        exact, self.grid = rules.sampler is not None, rules.grid
        self.distributions: Distributions = {axis.name: distribution_of(axis, exact=exact) for axis in space.axes}
        self.connection = Connection(place)
        self.shared = self.connection.shared
        self._kept: list[Job] = []
        with self.connection.errors(opening=True):
            options = as_json(self.distributions)
            self.study, self.created = open_or_create(self.connection.storage, place.name, fingerprint, rules, options)
            if not self.created:
                self.distributions = compatible(self.distributions, self.study.user_attrs.get(OPTIONS, options))
        self.connection.recovery.distributions = self.distributions

    def rungs(self, halving: HalvingSchedule) -> HalvingSchedule:
        """The rungs of this study: those that it began with, for as many points as it has now."""
        with self.connection.errors():
            began = json.loads(self.study.user_attrs[FINGERPRINT]).get(RUNGS)
            points = sum(rung == 0 for _, rung in self._keys())
        return replace(halving, fractions=tuple(began or halving.fractions)).for_points(points)

    def enqueue(self, points: Sequence[Point], known: Sequence[Record] = ()) -> int:
        """Put the points of rung 0 up, unless another process has; ``known`` ones are recorded as they ended.

        Returns how many were new.
        """
        with self.connection.errors():
            if not self.created:
                deadline = time.monotonic() + TAKE_OVER
                while READY not in self.study.user_attrs and time.monotonic() < deadline:
                    time.sleep(0.1)
                if READY in self.study.user_attrs:
                    known = ()  # they stand there; but this command may draw more points
            new = self._new(points, known)
            for record in known:
                self._add(record)
            if known:  # points that a sampler draws get numbers above theirs
                self.study.set_user_attr(FIRST, max(record.number for record in known) + 1 - len(known))
            for point in new:
                self._enqueue(point.number, 0, point.params)
            self.study.set_user_attr(READY, True)
        return len(new)

    def _new(self, points: Sequence[Point], known: Sequence[Record]) -> list[Point]:
        """The points that neither stand there nor are ``known``."""
        if self.grid:
            there = {combination(record.params): record.number for record in known}
            points = numbered(points, numbers_of(self._all_trials()) | there)
        keys = {(record.number, record.rung) for record in known} | set(self._keys())
        return [point for point in points if (point.number, 0) not in keys]

    def _enqueue(self, number: int, rung: int, params: Mapping[str, Value], instead: int | None = None) -> None:
        attrs = {POINT: number, RUNG: rung, PARAMS: dict(params)} | ({} if instead is None else {INSTEAD: instead})
        self.study.enqueue_trial(all_stored(params, self.distributions), user_attrs=attrs)

    def _add(self, record: Record) -> None:
        assert record.outcome is not None
        self.study.add_trial(trial_of(record, self._told(record.outcome), self.distributions))

    def claim(self, most: int = 1, *, accept: Callable[[Job], bool] | None = None) -> list[Job]:
        """Up to ``most`` jobs that are waiting; fewer when no more are, or at the first that ``accept`` refuses.

        A job refused is put back for other processes; where there are none it is the first that is claimed next.
        """
        jobs = [self._kept.pop()] if self._kept and most else []
        with self.connection.errors():
            while len(jobs) < most and self._waiting():
                job = self._claim_one()
                if job is None:
                    continue
                if accept is not None and not accept(job):
                    if self.shared:
                        self._give_back(job)
                    else:
                        self._kept.append(job)
                    break
                jobs.append(job)
        return jobs

    def _waiting(self) -> bool:
        import optuna

        states = (optuna.trial.TrialState.WAITING,)
        return bool(self.study.get_trials(deepcopy=False, states=states))

    def _claim_one(self) -> Job | None:
        import optuna

        try:
            trial = self.study.ask(self.distributions)
            attrs = trial.user_attrs
            if POINT not in attrs:  # another process took the last one in between, and Optuna drew a new one
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                return None
            self.connection.begin(trial)
        except optuna.exceptions.UpdateFinishedTrialError:
            return None  # taken for lost before it began: it is waiting again
        trials = self._trials() if self.shared else []
        number = next((number for (number, _), other in trials if other.number == trial.number), int(attrs[POINT]))
        job = Job(Point(number, dict(attrs[PARAMS])), int(attrs[RUNG]), trial)
        if is_duplicate(job, trials):
            self._end(job, optuna.trial.TrialState.FAIL)
            return None
        return job

    def ask(self, most: int) -> Job | None:
        """A new point from the sampler, unless the study has ``most`` already; one that is waiting first."""
        import optuna

        with self.connection.errors():
            waiting = self.claim(1)
            if waiting:
                return waiting[0]
            if len(self._keys()) >= most:
                return None
            trial = self.study.ask(self.distributions)
            if POINT in trial.user_attrs:
                params = dict(trial.user_attrs[PARAMS])
            elif (
                count_before(trial.number, self._all_trials()) >= most
            ):  # another process took the last one in the meantime
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                return None
            else:
                params = {axis.name: value_of(trial.params[axis.name], axis) for axis in self.space.axes}
                trial.set_user_attr(POINT, trial.number + int(self.study.user_attrs.get(FIRST, 0)))
                trial.set_user_attr(RUNG, 0)
                trial.set_user_attr(PARAMS, params)
            self.connection.begin(trial)
            return Job(Point(int(trial.user_attrs[POINT]), params), 0, trial)

    def should_stop(self, job: Job, value: float, step: int) -> bool:
        """Report an intermediate value; returns whether the pruner ends the run."""
        import optuna

        with self.connection.errors():
            try:
                job.trial.report(value, step)
            except optuna.exceptions.UpdateFinishedTrialError:
                return False  # this process was taken for dead: what it has begun, it may as well end
            return bool(job.trial.should_prune())

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Record what a job came to; nothing, if this process was taken for dead and another has the job."""
        import optuna

        with self.connection.errors():
            pruned = outcome.state == "pruned"
            state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE
            with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                job.trial.set_user_attr(OUTCOME, outcome.to_json())
            self._end(job, state, None if pruned else self._told(outcome))

    def _told(self, outcome: Outcome) -> float:
        """The value that Optuna gets: it takes no nan, and a diverged run is worse than any other."""
        worst = float("-inf") if self.larger else float("inf")
        return outcome.value if outcome.state != "diverged" and outcome.value == outcome.value else worst

    def interrupt(self, jobs: Sequence[Job]) -> None:
        """Return unfinished jobs to the queue, for the process that continues."""
        kept, self._kept = self._kept, []
        for job in [*jobs, *kept]:
            with contextlib.suppress(DlcliError), self.connection.errors():
                self._give_back(job)

    def _give_back(self, job: Job) -> None:
        import optuna

        # In this order no other process ever sees a study that lacks the job.
        self._enqueue(job.point.number, job.rung, job.point.params, instead=job.trial.number)
        self._end(job, optuna.trial.TrialState.FAIL)

    def _end(self, job: Job, state: "TrialState", value: float | None = None) -> None:
        self.connection.end(job.trial)
        try:
            self.study.tell(job.trial, value, state=state)
        except (ValueError, RuntimeError):
            if not self.connection.has_ended(job.trial):
                raise

    def revive(self) -> int:
        """Put the trials of dead workers up again, once each; how many."""
        return self.connection.revive(self.study)

    def promote(self, halving: HalvingSchedule) -> bool:
        """When a rung is done, put its best points up for the next one; whether any were."""
        records = {(r.number, r.rung): r for r in self.jobs()}
        halving = halving.for_points(sum(rung == 0 for _, rung in records))
        for rung in range(halving.rungs - 1):
            here = [r for r in records.values() if r.rung == rung]
            if not here or not all(r.ended for r in here):
                return False
            chosen = halving.promoted(rung, here, larger=self.larger)
            missing = [r for r in chosen if (r.number, rung + 1) not in records]
            if missing:
                with self.connection.errors():
                    # Neighbors that differ in the rate alone can share a batch.
                    for record in sorted(missing, key=lambda r: [str(v) for n, v in r.params.items() if n != "lr"]):
                        self._enqueue(record.number, rung + 1, record.params)
                return True
        return False

    def records(self, halving: HalvingSchedule | None = None) -> list[Record]:
        """One record for each point, the highest rung that has ended (or the first), by number."""
        found = point_records(self.jobs())
        return found if halving is None else [halving.shown(record) for record in found]

    def open_jobs(self) -> tuple[int, int]:
        """How many jobs are waiting, and how many are running."""
        jobs = self.jobs()
        return sum(j.state == "waiting" for j in jobs), sum(j.state == "running" for j in jobs)

    def jobs(self) -> list[Record]:
        """The record of each job."""
        with self.connection.errors():
            return job_records(self._trials())

    def _trials(self) -> "list[tuple[Key, FrozenTrial]]":
        return keyed(self._all_trials(), grid=self.grid)

    def _all_trials(self) -> "list[FrozenTrial]":
        return self.study.get_trials(deepcopy=False)

    def _keys(self) -> list[tuple[int, int]]:
        return [(j.number, j.rung) for j in self.jobs()]

    def close(self) -> None:
        """Stop the heartbeats."""
        self.connection.close()
