"""The learning-rate range test: short runs with the rate rising, which leave no model behind."""

import math
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.device import describe_device
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.schedules.base import Schedule, ScheduleSettings
from dlcli.engine.schedules.by_name import make_schedule
from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.reports.charts import preload
from dlcli.reports.document import environment
from dlcli.reports.head import Ended, TrainingHead, training_head
from dlcli.reports.tune_lr import BestRate, Suggestion, Suggestions, Sweep, SweepCurve, SweepReport, SweepTrial
from dlcli.runs import directory
from dlcli.runs.trackers.tracked import tracked
from dlcli.runs.trials import BEST
from dlcli.search.progress import SearchProgress
from dlcli.search.range_test import FEWEST, FIELDS, RangeTest, analyze, geometric, spread, stop_here
from dlcli.search.records import Outcome, Record
from dlcli.search.settings import SweepSettings
from dlcli.search.space import parse_axis

SEEDS = 3
# Decades below and above the usual rate.
BELOW, ABOVE = 1e-4, 1e2


class RateTestSource(Protocol):
    """A training command whose rate can be made to rise; its data are read once.

    ``random`` says whether runs depend on their seeds.
    """

    @property
    def random(self) -> bool:
        """Whether runs depend on their seeds."""

    @property
    def device(self) -> str:
        """Where they are computed, "cpu" or "cuda[:N]"."""

    def usual_rate(self) -> float:
        """A rate that trains well, around which the test looks where no range is given."""

    def exact(self) -> dict[str, float]:
        """Rates that are known without a test, by what they are."""

    def losses(self, seed: int, schedule: Schedule) -> Iterator[float]:
        """The loss of each step of a fresh run whose rates are the schedule's, without end."""


@dataclass(frozen=True)
class Curve:
    """One run of the test: rates, the loss after each step, and what it suggests."""

    seed: int
    rates: FloatArray
    losses: FloatArray
    found: RangeTest


def sweep(settings: SweepSettings, source: RateTestSource, progress: SearchProgress, start: float) -> SweepReport:
    """Run the test, and write its run directory; ``start`` is when the command began. Raises DlcliError."""
    low, high = _range(settings.rates, source)
    run = directory.RunDirectory("tune-lr", settings.output.out, settings.output.force)
    with tracked(settings.output.config.log_to, run, progress.warn):
        return _swept(settings, source, progress, start, run, geometric(low, high, settings.steps))


def _swept(
    settings: SweepSettings,
    source: RateTestSource,
    progress: SearchProgress,
    start: float,
    run: directory.RunDirectory,
    rates: FloatArray,
) -> SweepReport:
    low, high = float(rates[0]), float(rates[-1])
    seeds = settings.repeats or (SEEDS if source.random else 1)
    title = f"tune-lr: {settings.configs.command}, sweep, {low:g} to {high:g}"
    progress.search(title, ("seed",), "steepest", False, seeds)
    if settings.configs.command == "train-deconv" and settings.output.plots != "none":
        preload()
    curves: list[Curve] = []
    signum = 0
    with deferred_signals() as check_signal:
        try:
            for repeat in range(seeds):
                curves.append(_curve(source, settings.configs.seed_of(0, repeat), rates, check_signal))
                progress.trial(_record(curves[-1], repeat), (repeat + 1) / seeds)
        except Interrupted as interrupt:
            signum = interrupt.signum
        finally:
            progress.end()
        if not curves:
            raise Interrupted(signum)
        ended = _ended(curves, signum)
        head = training_head(
            run.path, describe_device(source.device), settings.configs.seed, time.monotonic() - start, ended
        )
        report = _report(settings, source, curves, head)
        _save(settings, run, report)
    with deferred_signals() if not signum else nullcontext():
        if report.best is not None or signum:
            progress.result(report)
        _draw(settings, run, report, curves)
    if report.best is None and not signum:
        raise DlcliError(
            f"the loss falls at no learning rate from {low:g} to {high:g}", f"try --lr {low / 1000:.2g}:{low:.2g}",
            ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    return report


def _range(text: str | None, source: RateTestSource) -> tuple[float, float]:
    if text is None:
        usual = source.usual_rate()
        return float(f"{usual * BELOW:.1g}"), float(f"{usual * ABOVE:.1g}")
    axis = parse_axis("--lr", "lr", text, numeric=True, log=True)
    if not axis.is_range:
        raise DlcliError(f"--lr {text}: a sweep needs a range", "write, for example, --lr 1e-6:1")
    return axis.low, axis.high


def rising(rates: FloatArray) -> Schedule:
    """The schedule whose rate at step t is ``rates[t]``, a geometric sequence."""
    growth = (float(rates[-1]) / float(rates[0])) ** (1 / (len(rates) - 1))
    settings = ScheduleSettings(name="exponential", decay_factor=growth, total_steps=len(rates))
    return make_schedule(settings, float(rates[0]))


def _curve(source: RateTestSource, seed: int, rates: FloatArray, check_signal: Callable[[], None]) -> Curve:
    steps = source.losses(seed, rising(rates))
    losses: list[float] = []
    for _ in rates:
        check_signal()
        losses.append(next(steps))
        if stop_here(losses):
            break
    values = np.array(losses)
    seen = rates[: len(values)]
    if len(values) < FEWEST:  # it diverged at once: the range begins too high
        nothing = math.nan
        return Curve(seed, seen, values, RangeTest(nothing, nothing, nothing, nothing, np.full(len(values), nothing)))
    return Curve(seed, seen, values, analyze(seen, values))


def _record(curve: Curve, repeat: int) -> Record:
    outcome = Outcome("complete", curve.found.steepest, steps=len(curve.rates))
    return Record(repeat, {"seed": curve.seed}, "complete", 0, outcome)


def _ended(curves: Sequence[Curve], signum: int) -> Ended:
    reason = Interrupted(signum).reason if signum else "every seed has run"
    return Ended(sum(len(curve.rates) for curve in curves), "stopped" if signum else "finished", reason, signum)


def _report(
    settings: SweepSettings, source: RateTestSource, curves: Sequence[Curve], head: TrainingHead
) -> SweepReport:
    exact = source.exact()
    found = spread([curve.found for curve in curves])
    fastest = next((v for n, v in exact.items() if "fastest" in n), None)
    rate = fastest if fastest is not None else found["steepest"][0]
    known = math.isfinite(rate) and rate > 0
    command, path = settings.configs.command, str(Path(head["run"]) / BEST)
    best = BestRate(
        params={"lr": rate},
        rule="steepest" if fastest is None else "the exact fastest rate",
        config=path,
        command=f"dlcli {command} --config {shlex.quote(path)}",
    )
    return SweepReport(
        **head,
        command="tune-lr",
        training=command,
        method="sweep",
        metrics={},
        trials=[_trial(number, curve) for number, curve in enumerate(curves)],
        sweep=Sweep(
            seeds=len(curves),
            suggestions={n: Suggestion(median=found[n][0], low=found[n][1], high=found[n][2]) for n in FIELDS},
            exact=exact,
            curves=[SweepCurve(seed=c.seed, rates=c.rates.tolist(), losses=c.losses.tolist()) for c in curves],
        ),
        best=best if known else None,
        environment=environment(source.device),
    )


def _trial(number: int, curve: Curve) -> SweepTrial:
    found = curve.found
    return SweepTrial(
        number=number,
        params={"seed": curve.seed},
        value=found.steepest,
        state="complete",
        suggestions=Suggestions(
            steepest=found.steepest, valley=found.valley, minimum_tenth=found.minimum_tenth, edge=found.edge
        ),
    )


def _save(settings: SweepSettings, run: directory.RunDirectory, report: SweepReport) -> None:
    run.write(directory.CONFIG, settings.output.config.to_toml(run.path))
    if report.best:
        config = settings.configs.base.with_options({"lr": report.best.params["lr"]})
        run.write(BEST, config.to_toml(run.path))
    run.write(directory.REPORT, report.to_json() + "\n")


def _draw(settings: SweepSettings, run: directory.RunDirectory, report: SweepReport, curves: Sequence[Curve]) -> None:
    format = settings.output.plots
    if format == "none":
        return
    from dlcli.reports.charts.rates import Sweep as RangeTestRun
    from dlcli.reports.charts.rates import range_test_chart

    marks = [(n.replace("minimum_tenth", "minimum/10"), entry.median)
             for n, entry in report.sweep.suggestions.items() if math.isfinite(entry.median)]  # fmt: skip
    marks += [(n.partition(" (")[0], value) for n, value in report.sweep.exact.items()]
    sweeps = [
        RangeTestRun(f"seed {c.seed}", c.rates.tolist(), c.losses.tolist(), c.found.smoothed.tolist()) for c in curves
    ]
    title = f"{settings.configs.command}: the training loss while the learning rate rises"
    chart = range_test_chart(sweeps, title=title, value_title="training loss", marks=marks, format=format)
    run.write_chart("lr", format, chart.to_bytes())
