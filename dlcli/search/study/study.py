"""A study: which points there are, who runs which, and what came out, kept in Optuna's storage.

The unit of work is a job: a point on a rung of successive halving (rung 0 alone without it). Jobs are enqueued as
Optuna trials with their point's number, by whoever creates the study; any number of processes then claim them. Should
a job stand there twice (its creator died half-way, say), the trial of the lowest number counts and the other is never
run, so no point is computed twice.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlcli.errors import DlcliError
from dlcli.search.halving import HalvingSchedule
from dlcli.search.records import Outcome, Record
from dlcli.search.space import Point, Space, Value
from dlcli.search.study.codec import (
    FIRST,
    INSTEAD,
    OUTCOME,
    POINT,
    RUNG,
    WORKER,
    distribution_of,
    key_of,
    record_of,
    stored,
    value_of,
)
from dlcli.search.study.liveness import Heartbeat, this_worker
from dlcli.search.study.opening import READY, TAKE_OVER, open_or_create
from dlcli.search.study.recovery import StaleTrialRecovery
from dlcli.search.study.storage import open_storage, scheme_of, storage_errors


@dataclass(frozen=True)
class Job:
    """Work that this process has claimed."""

    point: Point
    rung: int
    trial: Any


class Study:
    """A study that is open."""

    def __init__(
        self, url: str | None, name: str | None, about: Mapping[str, Any], space: Space, *, larger: bool, sampler: Any,
        pruner: Any, heartbeat: float = 10.0,
    ) -> None:  # fmt: skip
        """Open study ``name``, or create it. ``about`` is all that its trials depend on.

        Raises DlcliError for a storage that can't be reached and a study of another space.
        """
        self.url, self.space, self.larger, self.heartbeat = url, space, larger, heartbeat
        self.shared = url is not None
        self.journal = url is not None and scheme_of(url) == "journal"
        self.worker = this_worker()
        self._kept: list[Job] = []
        self.distributions = {axis.name: distribution_of(axis, exact=sampler is not None) for axis in space.axes}
        self._rescue = StaleTrialRecovery(self.distributions, journal=self.journal)
        self.storage = open_storage(url, heartbeat, self._rescue.again)
        self._pulse = Heartbeat(self.storage, heartbeat) if url is not None and not self.journal else None
        with storage_errors(url, opening=True):
            self.study, self.created = open_or_create(
                self.storage, name, about, larger=larger, sampler=sampler, pruner=pruner
            )

    def enqueue(self, points: Sequence[Point], known: Sequence[Record] = ()) -> None:
        """Put the points of rung 0 up, unless another process has; ``known`` ones are recorded as they ended."""
        with storage_errors(self.url):
            if not self.created:
                deadline = time.monotonic() + TAKE_OVER
                while READY not in self.study.user_attrs and time.monotonic() < deadline:
                    time.sleep(0.1)
                if READY in self.study.user_attrs:
                    known = ()  # they stand there; but this command may draw more points
            there = {(r.number, r.rung) for r in known} | set(self._keys())
            for record in known:
                self._add(record)
            if known:  # points that a sampler draws get numbers above theirs
                self.study.set_user_attr(FIRST, max(record.number for record in known) + 1 - len(known))
            for point in points:
                if (point.number, 0) not in there:
                    self._enqueue(point.number, 0, point.params)
            self.study.set_user_attr(READY, True)

    def _enqueue(self, number: int, rung: int, params: Mapping[str, Value], instead: int | None = None) -> None:
        attrs = {POINT: number, RUNG: rung, "params": dict(params)} | ({} if instead is None else {INSTEAD: instead})
        self.study.enqueue_trial(
            {name: stored(value, self.distributions[name]) for name, value in params.items()}, user_attrs=attrs
        )

    def _add(self, record: Record) -> None:
        import optuna

        assert record.outcome is not None
        params = {name: stored(value, self.distributions[name]) for name, value in record.params.items()}
        self.study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.COMPLETE, value=self._told(record.outcome), params=params,
                distributions=self.distributions,
                user_attrs={POINT: record.number, RUNG: record.rung, "params": dict(record.params),
                            OUTCOME: record.outcome.to_json()},
            )
        )  # fmt: skip

    def claim(self, most: int = 1, *, accept: Callable[[Job], bool] | None = None) -> list[Job]:
        """Up to ``most`` jobs that are waiting; fewer when no more are, or at the first that ``accept`` refuses.

        A job refused is put back for other processes; where there are none it is the first that is claimed next.
        """
        jobs = [self._kept.pop()] if self._kept and most else []
        with storage_errors(self.url):
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

        trial = self.study.ask(self.distributions)
        attrs = trial.user_attrs
        if POINT not in attrs:  # another process took the last one in between, and Optuna drew a new one
            self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return None
        try:
            self._begin(trial)
        except optuna.exceptions.UpdateFinishedTrialError:
            return None  # taken for lost before it began: it is waiting again
        job = Job(Point(int(attrs[POINT]), dict(attrs["params"])), int(attrs[RUNG]), trial)
        if self.shared and self._is_duplicate(job):
            self._end(job, optuna.trial.TrialState.FAIL)
            return None
        return job

    def _begin(self, trial: Any) -> None:
        # The first sign of life comes before the name: who is named without one would never be missed.
        if self._pulse:
            self._pulse.add(trial)
        trial.set_user_attr(WORKER, self.worker)

    def _is_duplicate(self, job: Job) -> bool:
        key, given_back = (job.point.number, job.rung), job.trial.user_attrs.get(INSTEAD)
        return any(
            trial.number < job.trial.number
            and trial.number != given_back
            and trial.state.name != "FAIL"
            and key_of(trial) == key
            for trial in self.study.get_trials(deepcopy=False)
        )

    def ask(self, most: int) -> Job | None:
        """A new point from the sampler, unless the study has ``most`` already; one that is waiting first."""
        import optuna

        with storage_errors(self.url):
            waiting = self.claim(1)
            if waiting:
                return waiting[0]
            if len(self._keys()) >= most:
                return None
            trial = self.study.ask(self.distributions)
            if POINT in trial.user_attrs:
                params = dict(trial.user_attrs["params"])
            elif self._before(trial) >= most:  # another process took the last one in the meantime
                self.study.tell(trial, state=optuna.trial.TrialState.FAIL)
                return None
            else:
                params = {axis.name: value_of(trial.params[axis.name], axis) for axis in self.space.axes}
                trial.set_user_attr(POINT, trial.number + int(self.study.user_attrs.get(FIRST, 0)))
                trial.set_user_attr(RUNG, 0)
                trial.set_user_attr("params", params)
            self._begin(trial)
            return Job(Point(int(trial.user_attrs[POINT]), params), 0, trial)

    def _before(self, trial: Any) -> int:
        """How many trials that count came before this one."""
        every = self.study.get_trials(deepcopy=False)
        return sum(other.number < trial.number and other.state.name != "FAIL" for other in every)

    def should_stop(self, job: Job, value: float, step: int) -> bool:
        """Report an intermediate value; whether the pruner wants the run to end."""
        import optuna

        with storage_errors(self.url):
            try:
                job.trial.report(value, step)
            except optuna.exceptions.UpdateFinishedTrialError:
                return False  # this process was taken for dead: what it has begun, it may as well end
            return bool(job.trial.should_prune())

    def finish(self, job: Job, outcome: Outcome) -> None:
        """Record what a job came to; nothing, if this process was taken for dead and another has the job."""
        import optuna

        with storage_errors(self.url):
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
        """Put jobs that were not finished back, for whoever goes on."""
        kept, self._kept = self._kept, []
        for job in [*jobs, *kept]:
            with contextlib.suppress(DlcliError), storage_errors(self.url):
                self._give_back(job)

    def _give_back(self, job: Job) -> None:
        import optuna

        # In this order no other process ever sees a study that lacks the job.
        self._enqueue(job.point.number, job.rung, job.point.params, instead=job.trial.number)
        self._end(job, optuna.trial.TrialState.FAIL)

    def _end(self, job: Job, state: Any, value: float | None = None) -> None:
        if self._pulse:
            self._pulse.remove(job.trial)
        try:
            self.study.tell(job.trial, value, state=state)
        except (ValueError, RuntimeError):
            if not self.storage.get_trial(job.trial._trial_id).state.is_finished():
                raise

    def revive(self) -> int:
        """Put the trials of dead workers up again, once each; how many."""
        if not self.shared:
            return 0
        with storage_errors(self.url):
            return self._rescue.revive(self.study)

    def promote(self, halving: HalvingSchedule) -> bool:
        """When a rung is done, put its best points up for the next one; whether any were."""
        records = {(r.number, r.rung): r for r in self.jobs()}
        for rung in range(halving.rungs - 1):
            here = [r for r in records.values() if r.rung == rung]
            if not here or not all(r.ended for r in here):
                return False
            chosen = halving.promoted(rung, here, larger=self.larger)
            missing = [r for r in chosen if (r.number, rung + 1) not in records]
            if missing:
                with storage_errors(self.url):
                    # Neighbors that differ in the rate alone can share a stack.
                    for record in sorted(missing, key=lambda r: [str(v) for n, v in r.params.items() if n != "lr"]):
                        self._enqueue(record.number, rung + 1, record.params)
                return True
        return False

    def records(self, halving: HalvingSchedule | None = None) -> list[Record]:
        """One record for each point, the highest rung that has ended (or the first), by number."""
        best: dict[int, Record] = {}
        for record in self.jobs():
            known = best.get(record.number)
            if known is None or (record.ended, record.rung) > (known.ended, known.rung):
                best[record.number] = record
        found = [best[number] for number in sorted(best)]
        return found if halving is None else [halving.shown(record) for record in found]

    def open_jobs(self) -> tuple[int, int]:
        """How many jobs are waiting, and how many are running."""
        jobs = self.jobs()
        return sum(j.state == "waiting" for j in jobs), sum(j.state == "running" for j in jobs)

    def jobs(self) -> list[Record]:
        """The record of each job."""
        with storage_errors(self.url):
            trials = self.study.get_trials(deepcopy=False)
        jobs: dict[tuple[int, int], Any] = {}
        for trial in trials:
            key = key_of(trial)
            # Of trials of one job the first counts, unless it was given up.
            if key is not None and (key not in jobs or jobs[key].state.name == "FAIL"):
                jobs[key] = trial
        return [record_of(trial) for trial in jobs.values()]

    def _keys(self) -> list[tuple[int, int]]:
        return [(j.number, j.rung) for j in self.jobs()]

    def close(self) -> None:
        """Stop the signs of life."""
        if self._pulse:
            self._pulse.close()
