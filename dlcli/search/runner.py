"""Claim jobs of a study, run them alone or in stacks, and record what came out."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any, Protocol

from dlcli.config.base import Config
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.loop import Step
from dlcli.errors import DlcliError, ExitCode
from dlcli.search.halving import HalvingSchedule
from dlcli.search.records import Outcome, Record
from dlcli.search.space import Value, point_seed
from dlcli.search.study.jobs import Job
from dlcli.search.study.study import Study
from dlcli.search.trials import Metric, Trial, Trials

# These judge a trial by those that have ended, so trials must end one after the other.
LEARNING = ("median", "hyperband")
IDLE = 0.2  # seconds between two looks at what other workers are doing


class Watcher(Protocol):
    """Gets each record as it ends."""

    def trial(self, record: Record, progress: float) -> None:
        """A job has ended; ``progress`` is the share of the whole search that is done, as far as that is known."""


def trial_config(
    base: Config, command: Any, config: TuneLrConfig, params: dict[str, Value], number: int, repeat: int
) -> Any:
    """The training config of a point, with its own seed; the data are split alike for all."""
    given = {name: getattr(base, name) for name in base.model_fields_set}
    given |= {name: _wrapped(command, name, value) for name, value in params.items()}
    given["data_seed"] = base.seed_of_data  # type: ignore[attr-defined]
    given["seed"] = point_seed(config.seed, number, repeat)
    if config.cv and "cv" in command.model_fields:
        given["cv"] = config.cv
    return command.build(given)


def _wrapped(command: Any, name: str, value: Value) -> Any:
    """A value as the option takes it: repeatable ones hold a list."""
    default = command.model_fields[name].default
    return (str(value),) if isinstance(default, tuple) else value


@dataclass
class Run:
    """A job on its way: its trials, and what they have shown."""

    job: Job
    configs: list[Any]
    trials: list[Trial] = field(default_factory=list)
    last: dict[int, Step] = field(default_factory=dict)
    reports: int = 0
    seconds: float = 0.0
    pruned: bool = False
    stacked: bool = False


class Runner:
    """Runs the jobs of one process."""

    def __init__(
        self, config: TuneLrConfig, base: Config, trials: Trials, study: Study, halving: HalvingSchedule,
        metric: Metric, watcher: Watcher, check_signal: Callable[[], None],
    ) -> None:  # fmt: skip
        self.config, self.base, self.command = config, base, type(base)
        self.trials, self.study, self.halving, self.metric = trials, study, halving, metric
        self.watcher, self.check_signal = watcher, check_signal
        self.repeats = config.repeats or 1
        self.done = 0.0

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
                return "time limit reached"
            self.study.revive()
            jobs = self._claim()
            if jobs:
                self._run(jobs)
                continue
            if self.study.promote(self.halving):
                continue
            if not any(self.study.open_jobs()):
                return ""
            time.sleep(IDLE)  # others still run theirs, or have died: then their jobs come back

    def _claim(self) -> list[Job]:
        if self.config.method == "tpe":
            job = self.study.ask(self.config.trials or 0)
            return [job] if job else []
        most = self.config.most_fused // self.repeats
        if self.config.workers > 1 and self.halving.counts[0]:
            most = min(most, math.ceil(self.halving.counts[0] / self.config.workers))
        jobs = self.study.claim(1)
        if not jobs or most * self.repeats < 2:
            return jobs
        shape = self._shape(jobs[0])
        # Only what will really be stacked is claimed: other processes may be waiting for work.
        if shape is None or not self._stacks(jobs[0]):
            return jobs
        return jobs + self.study.claim(most - 1, accept=lambda job: self._shape(job) == shape)

    def _shape(self, job: Job) -> Any:
        if self.config.pruner in LEARNING:
            return None
        return self.trials.shape(self._configs(job)[0])

    def _stacks(self, job: Job) -> bool:
        """Whether jobs like this one, which can be stacked, are to be."""
        return self.config.fuse != "auto" or self.trials.stack_pays(self._configs(job)[0])

    def _configs(self, job: Job) -> list[Any]:
        """The config of each repeat."""
        fraction = self.halving.fractions[job.rung]
        return [
            self.trials.shorter(
                trial_config(self.base, self.command, self.config, job.point.params, job.point.number, repeat), fraction
            )
            for repeat in range(self.repeats)
        ]

    def _run(self, jobs: Sequence[Job]) -> None:
        runs = [Run(job, self._configs(job)) for job in jobs]
        every = [config for run in runs for config in run.configs]
        stacked = 1 < len(every) <= self.config.most_fused
        stacked = stacked and self._shape(jobs[0]) is not None and self._stacks(jobs[0])
        try:
            if not (stacked and self._run_stack(runs, every)):
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
            for config in run.configs:
                for trial in self.trials.start(config, self.check_signal):
                    run.trials.append(trial)
                    for step in trial.steps:
                        self._seen(run, len(run.trials) - 1, step)
                        if run.pruned:
                            break
                    if run.pruned:
                        break
                if run.pruned:
                    break
        except DlcliError as error:
            if error.exit_code != ExitCode.TRAINING_FAILED:
                raise
            failure = error.message
        run.seconds = time.monotonic() - start
        self._finish(run, failure)

    def _run_stack(self, runs: Sequence[Run], every: Sequence[Any]) -> bool:
        """Run jobs in one stack; whether memory was enough for it."""
        try:
            self._step_stack(runs, every)
        except (RuntimeError, MemoryError) as error:
            from dlcli.memory import is_out_of_memory

            if not isinstance(error, MemoryError) and not is_out_of_memory(error):
                raise
            for run in runs:
                run.trials, run.last, run.stacked = [], {}, False
            return False
        return True

    def _step_stack(self, runs: Sequence[Run], every: Sequence[Any]) -> None:
        """Step all trials in turn: each report of one is followed by the same report of the others."""
        start = time.monotonic()
        parts = iter(self.trials.stack(every, self.check_signal))
        for run in runs:
            run.trials = [trial for _ in run.configs for trial in next(parts)]
            run.stacked = True
        active: list[tuple[Run, int, Iterator[Step]]] = [
            (run, index, trial.steps) for run in runs for index, trial in enumerate(run.trials)
        ]
        while active:
            still: list[tuple[Run, int, Iterator[Step]]] = []
            for run, index, steps in active:
                step = None if run.pruned else next(steps, None)
                if step is not None:
                    self._seen(run, index, step)
                    still.append((run, index, steps))
                else:
                    steps.close()  # type: ignore[attr-defined]
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
        if index or self.config.pruner not in LEARNING:
            return
        value = self.metric.of_step(step)
        run.reports += 1
        # Nothing is known at step 0, and the last report ends the run anyway.
        if step.step and not step.status and math.isfinite(value):
            run.pruned = self.study.should_stop(run.job, value, run.reports)

    def _finish(self, run: Run, failure: str) -> None:
        outcome = self._outcome(run, failure)
        self.study.finish(run.job, outcome)
        run.reports = -1  # recorded
        self.done += self.halving.fractions[run.job.rung]
        record = Record(run.job.point.number, run.job.point.params, outcome.state, run.job.rung, outcome)
        share = self.done / self.halving.cost if self.halving.cost else 0.0
        self.watcher.trial(self.halving.shown(record), min(share, 1.0))

    def _outcome(self, run: Run, failure: str) -> Outcome:
        return replace(self._judged(run, failure), stacked=run.stacked)

    def _judged(self, run: Run, failure: str) -> Outcome:
        fraction = self.halving.fractions[run.job.rung]
        steps = sum(step.step for step in run.last.values())
        stable = run.trials[0].stable_lr if run.trials else None
        if run.pruned:
            value = self.metric.of_step(run.last[max(run.last)])
            return Outcome("pruned", value, (), {}, steps, run.seconds, fraction, "pruner", stable)
        bad = [step for step in run.last.values() if step.status == "diverged"]
        if failure or bad:
            reason = failure or bad[0].reason
            return Outcome("diverged", math.nan, (), {}, steps, run.seconds, fraction, reason, stable)
        metrics = [trial.metrics() for trial in run.trials]
        each = tuple(self.metric.of(m) for m in metrics)
        value = fmean(each)
        if not math.isfinite(value):
            reason = f"{self.metric} is not finite"
            return Outcome("diverged", math.nan, each, {}, steps, run.seconds, fraction, reason, stable)
        last = run.last[max(run.last)]
        means = {
            part: {name: fmean(Metric(part, name).of(m) for m in metrics) for name in names}
            for part, names in metrics[0].items()
        }
        if self.metric.folds and "val" in means:
            means["cv"] = means["val"]  # by the name that the metric has in tables
        return Outcome("complete", value, each, means, steps, run.seconds, fraction, last.reason, stable)
