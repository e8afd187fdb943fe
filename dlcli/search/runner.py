"""Claim jobs of a study, run them alone or fused in one batch, and record what came out."""

import math
import time
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from dlcli.engine.loop import Step
from dlcli.errors import DlcliError, ExitCode
from dlcli.search.plan import Search
from dlcli.search.progress import Watcher
from dlcli.search.records import Outcome, Record
from dlcli.search.settings import TrainingConfig
from dlcli.search.study.jobs import Job
from dlcli.search.study.study import Study
from dlcli.search.trials import Metric, Metrics, Trial

IDLE = 0.2  # seconds between two looks at what other workers are doing


@dataclass
class Run:
    """A running job: its trials, and their reports so far."""

    job: Job
    configs: list[TrainingConfig]
    trials: list[Trial] = field(default_factory=list)
    last: dict[int, Step] = field(default_factory=dict)
    reports: int = 0
    seconds: float = 0.0
    pruned: bool = False
    fused: bool = False


class Runner:
    """Runs the jobs of one process."""

    def __init__(self, search: Search, study: Study, watcher: Watcher, check_signal: Callable[[], None]) -> None:
        self.search, self.study, self.watcher, self.check_signal = search, study, watcher, check_signal
        self.done = 0.0  # in full runs

    def work(self, deadline: float) -> str:
        """Run jobs until none are left; why it stopped earlier, if it did. Raises Interrupted after a signal."""
        try:
            return self._work(deadline)
        finally:
            self.study.interrupt(())

    def _work(self, deadline: float) -> str:
        while True:
            self.check_signal()
            if time.monotonic() >= deadline:
                return "" if self._complete() else "time limit reached"
            self.study.revive()
            jobs = self._claim()
            if jobs:
                self._run(jobs)
                continue
            if self.study.promote(self.search.halving):
                continue
            if not any(self.study.open_jobs()):
                return ""
            time.sleep(IDLE)  # others still run theirs, or have died: then their jobs come back

    def _complete(self) -> bool:
        """Whether the last job ended just before the time was up."""
        jobs = self.study.jobs()
        return len(jobs) >= self.search.runs and all(job.ended for job in jobs)

    def _claim(self) -> list[Job]:
        settings, repeats = self.search.settings, self.search.configs.repeats
        if settings.method == "tpe":
            job = self.study.ask(settings.draws)
            return [job] if job else []
        most = settings.most_fused // repeats
        if settings.workers > 1 and self.search.halving.counts[0]:
            most = min(most, math.ceil(self.search.halving.counts[0] / settings.workers))
        jobs = self.study.claim(1)
        if not jobs or most * repeats < 2:
            return jobs
        key = self._fusion_key(jobs[0])
        # Only what will really be fused is claimed: other processes may be waiting for work.
        if key is None or not self._fuses(jobs[0]):
            return jobs
        return jobs + self.study.claim(most - 1, accept=lambda job: self._fusion_key(job) == key)

    def _fusion_key(self, job: Job) -> Hashable | None:
        if self.search.settings.learns:
            return None
        return self.search.trials.fusion_key(self._configs(job)[0])

    def _fuses(self, job: Job) -> bool:
        """Whether jobs like this one, which can be fused, are to be."""
        return not self.search.settings.measure_fusion or self.search.trials.fusion_pays(self._configs(job)[0])

    def _configs(self, job: Job) -> list[TrainingConfig]:
        """The config of each repeat."""
        fraction = self.search.halving.fractions[job.rung]
        return [self.search.trials.shorter(config, fraction) for config in self.search.configs.all_of(job.point)]

    def _run(self, jobs: Sequence[Job]) -> None:
        runs = [Run(job, self._configs(job)) for job in jobs]
        every = [config for run in runs for config in run.configs]
        fused = 1 < len(every) <= self.search.settings.most_fused
        fused = fused and self._fusion_key(jobs[0]) is not None and self._fuses(jobs[0])
        try:
            if not (fused and self._run_fused(runs, every)):
                for run in runs:
                    if run.reports >= 0:  # not recorded before memory ran out
                        self._run_alone(run)
        except BaseException:
            # Whatever happened, what this process has claimed and not finished is there for the next one.
            self.study.interrupt([run.job for run in runs if run.reports >= 0])
            raise

    def _run_alone(self, run: Run) -> None:
        start = time.monotonic()
        failure = ""
        try:
            self._step_alone(run)
        except DlcliError as error:
            if error.exit_code != ExitCode.TRAINING_FAILED:
                raise
            failure = error.message
        run.seconds = time.monotonic() - start
        self._finish(run, failure)

    def _step_alone(self, run: Run) -> None:
        """Train the trials of a job one after the other, until the pruner ends it."""
        for config in run.configs:
            for trial in self.search.trials.start(config, self.check_signal):
                run.trials.append(trial)
                for step in trial.steps:
                    self._seen(run, len(run.trials) - 1, step)
                    if run.pruned:
                        return

    def _run_fused(self, runs: Sequence[Run], every: Sequence[TrainingConfig]) -> bool:
        """Run jobs in one batch; whether memory was enough for it."""
        try:
            self._step_fused(runs, every)
        except (RuntimeError, MemoryError) as error:
            from dlcli.memory import is_out_of_memory

            if not isinstance(error, MemoryError) and not is_out_of_memory(error):
                raise
            for run in runs:
                run.trials, run.last, run.fused = [], {}, False
            return False
        return True

    def _step_fused(self, runs: Sequence[Run], every: Sequence[TrainingConfig]) -> None:
        """Step all trials in turn: each report of one is followed by the same report of the others."""
        start = time.monotonic()
        parts = iter(self.search.trials.start_fused(every, self.check_signal))
        for run in runs:
            run.trials = [trial for _ in run.configs for trial in next(parts)]
            run.fused = True
        active: list[tuple[Run, int, Generator[Step, None, None]]] = [
            (run, index, trial.steps) for run in runs for index, trial in enumerate(run.trials)
        ]
        while active:
            still: list[tuple[Run, int, Generator[Step, None, None]]] = []
            for run, index, steps in active:
                step = None if run.pruned else next(steps, None)
                if step is not None:
                    self._seen(run, index, step)
                    still.append((run, index, steps))
                else:
                    steps.close()
            alive = {id(run) for run, _, _ in still}
            ended = [run for run in runs if run.reports >= 0 and id(run) not in alive]
            share = (time.monotonic() - start) / max(len(runs), 1)
            for run in ended:
                run.seconds = share
                self._finish(run, "")
            active = still

    def _seen(self, run: Run, index: int, step: Step) -> None:
        """Pass on a report; the pruner may end the run."""
        self.check_signal()
        run.last[index] = step
        if index or not self.search.settings.learns:
            return
        value = self.search.metric.of_step(step)
        run.reports += 1
        # Nothing is known at step 0, and the last report ends the run anyway.
        if step.step and not step.status and math.isfinite(value):
            run.pruned = self.study.should_stop(run.job, value, run.reports)

    def _finish(self, run: Run, failure: str) -> None:
        point, rung, halving = run.job.point, run.job.rung, self.search.halving
        outcome = replace(judge(run, self.search.metric, failure), fraction=halving.fractions[rung])
        self.study.finish(run.job, outcome)
        run.reports = -1  # recorded
        self.done += halving.fractions[rung]
        share = self.done / halving.cost if halving.cost else 0.0
        record = Record(point.number, point.params, outcome.state, rung, outcome)
        self.watcher.trial(halving.shown(record), min(share, 1.0))


def judge(run: Run, metric: Metric, failure: str) -> Outcome:
    """What a run that has ended came to, as if it had been a full one; ``failure`` says what made it impossible."""
    known = Outcome(
        "diverged", math.nan, steps=sum(step.step for step in run.last.values()), seconds=run.seconds,
        stable_lr=run.trials[0].stable_lr if run.trials else None, fused=run.fused,
    )  # fmt: skip
    if run.pruned:
        return replace(known, state="pruned", value=metric.of_step(run.last[max(run.last)]), reason="pruner")
    bad = [step.reason for step in run.last.values() if step.status == "diverged"]
    if failure or bad:
        return replace(known, reason=failure or bad[0])
    metrics = [trial.metrics() for trial in run.trials]
    known = replace(known, each=tuple(metric.of(m) for m in metrics))
    value = fmean(known.each)
    if not math.isfinite(value):
        return replace(known, reason=f"{metric} is not finite")
    means = {
        part: {name: fmean(Metric(part, name).of(m) for m in metrics) for name in names}
        for part, names in metrics[0].items()
    }
    if metric.folds and "val" in means:
        means["cv"] = means["val"]  # by the name that the metric has in tables
    reason = run.last[max(run.last)].reason
    error = _error(run.trials, metrics, metric)
    return replace(known, state="complete", value=value, metrics=means, reason=reason, error=error)


def _error(trials: Sequence[Trial], metrics: Sequence[Metrics], metric: Metric) -> float | None:
    """The standard error of the metric over the rows held out; None where it isn't known, or folds say more.

    All seeds are measured on the same rows, so that of their mean is that of one.
    """
    if metric.part != "val" or metric.folds:
        return None
    found = [
        trial.errors(measured["val"]).get(metric.name) if trial.errors else None
        for trial, measured in zip(trials, metrics, strict=True)
    ]
    known = [error for error in found if error is not None and math.isfinite(error)]
    return fmean(known) if known and len(known) == len(found) else None
