"""The learning-rate range test: short runs with the rate rising, which leave no model behind."""

import math
import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.config.base import Config
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Report
from dlcli.engine.schedules import Schedule, ScheduleSettings
from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.files import to_json
from dlcli.reports.charts import preload
from dlcli.reports.document import base_report, environment
from dlcli.runs import directory
from dlcli.runs.trials import BEST
from dlcli.search.range_test import FEWEST, RangeTest, analyze, geometric, spread, stop_here
from dlcli.search.space import parse_axis, point_seed

STEPS, SEEDS = 100, 3
# Decades below and above the usual rate.
BELOW, ABOVE = 1e-4, 1e2
FIELDS = ("steepest", "valley", "minimum_tenth", "edge")

OpenSource = Callable[[FitLinearConfig | TrainDeconvConfig, Progress], Any]


@dataclass(frozen=True)
class Curve:
    """One run of the test: rates, the loss after each step, and what it suggests."""

    seed: int
    rates: np.ndarray
    losses: np.ndarray
    found: RangeTest


def sweep(
    config: TuneLrConfig, base: FitLinearConfig | TrainDeconvConfig, progress: Any, open_source: OpenSource
) -> Report:
    """Run the test on what ``open_source`` reads, and write its directory. Raises DlcliError."""
    start = time.monotonic()
    name = "fit-linear" if isinstance(base, FitLinearConfig) else "train-deconv"
    if base.schedule not in (None, "constant"):
        raise DlcliError(
            f"--schedule {base.schedule}: a sweep raises the learning rate itself", "leave the schedule out"
        )
    source = open_source(base, progress)
    low, high = _range(config, source)
    run = directory.RunDirectory("tune-lr", config.out, config.force)
    rates = geometric(low, high, config.points or STEPS)
    seeds = config.repeats or (SEEDS if source.random else 1)
    progress.search(f"tune-lr: {name}, sweep, {low:g} to {high:g}", ("seed",), "steepest", False, seeds)
    if name == "train-deconv" and config.plots != "none":
        preload()
    curves: list[Curve] = []
    signum = 0
    with deferred_signals() as check_signal:
        try:
            for repeat in range(seeds):
                curves.append(_curve(source, config, rates, repeat, check_signal))
                progress.trial(_record(curves[-1], repeat), (repeat + 1) / seeds)
        except Interrupted as interrupt:
            signum = interrupt.signum
        finally:
            progress.end()
        if not curves:
            raise Interrupted(signum)
        report = _report(config, name, base, run, source, curves, signum, time.monotonic() - start)
        _save(config, base, run, report)
    with deferred_signals() if not signum else nullcontext():
        if report["best"] is not None or signum:
            progress.result(report)
        _draw(config, name, run, report, curves)
    if report["best"] is None and not signum:
        raise DlcliError(
            f"the loss falls at no learning rate from {low:g} to {high:g}", f"try --lr {low / 1000:.2g}:{low:.2g}",
            ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    return report


def _range(config: TuneLrConfig, source: Any) -> tuple[float, float]:
    if config.lr is None:
        usual = source.usual_rate()
        return float(f"{usual * BELOW:.1g}"), float(f"{usual * ABOVE:.1g}")
    axis = parse_axis("--lr", "lr", config.lr, numeric=True, log=True)
    if not axis.is_range:
        raise DlcliError(f"--lr {config.lr}: a sweep needs a range", "write, for example, --lr 1e-6:1")
    return axis.low, axis.high


def rising(rates: np.ndarray) -> Schedule:
    """The schedule whose rate at step t is ``rates[t]``, a geometric sequence."""
    growth = (float(rates[-1]) / float(rates[0])) ** (1 / (len(rates) - 1))
    return Schedule(ScheduleSettings(name="exponential", decay_factor=growth, total_steps=len(rates)), float(rates[0]))


def _curve(
    source: Any, config: TuneLrConfig, rates: np.ndarray, repeat: int, check_signal: Callable[[], None]
) -> Curve:
    seed = point_seed(config.seed, 0, repeat)
    solver = source.solver(seed, rising(rates))
    losses: list[float] = []
    for number in range(len(rates)):
        check_signal()
        loss = source.step(solver, number)
        losses.append(loss)
        if stop_here(losses):
            break
    values = np.array(losses)
    seen = rates[: len(values)]
    if len(values) < FEWEST:  # it diverged at once: the range begins too high
        nothing = math.nan
        return Curve(seed, seen, values, RangeTest(nothing, nothing, nothing, nothing, np.full(len(values), nothing)))
    return Curve(seed, seen, values, analyze(seen, values))


def _record(curve: Curve, repeat: int) -> Any:
    from dlcli.search.records import Outcome, Record

    outcome = Outcome("complete", curve.found.steepest, steps=len(curve.rates))
    return Record(repeat, {"seed": curve.seed}, "complete", 0, outcome)


def _report(
    config: TuneLrConfig, name: str, base: Config, run: directory.RunDirectory, source: Any, curves: Sequence[Curve],
    signum: int, seconds: float,
) -> Report:  # fmt: skip
    found = spread([curve.found for curve in curves])
    exact = source.exact()
    fastest = next((v for n, v in exact.items() if "fastest" in n), None)
    rate = fastest if fastest is not None else found["steepest"][0]
    known = math.isfinite(rate) and rate > 0
    rule = "steepest" if fastest is None else "the exact fastest rate"
    path = run.path / BEST
    report = base_report("tune-lr", str(run.path), "cpu", config.seed)
    return report | {
        "seconds": seconds,
        "steps": sum(len(curve.rates) for curve in curves),
        "status": "stopped" if signum else "finished",
        "reason": Interrupted(signum).reason if signum else "every seed has run",
        "signal": signum or None,
        "training": name,
        "method": "sweep",
        "metrics": {},
        "trials": [
            {"number": i, "params": {"seed": c.seed}, "value": c.found.steepest, "state": "complete",
             "suggestions": {f: getattr(c.found, f) for f in FIELDS}}
            for i, c in enumerate(curves)
        ],
        "sweep": {
            "seeds": len(curves),
            "suggestions": {
                n: {"median": found[n][0], "low": found[n][1], "high": found[n][2]} for n in FIELDS
            },
            "exact": exact,
            "curves": [{"seed": c.seed, "rates": c.rates.tolist(), "losses": c.losses.tolist()} for c in curves],
        },
        "best": {
            "params": {"lr": rate}, "rule": rule, "config": str(path),
            "command": f"dlcli {name} --config {shlex.quote(str(path))}",
        } if known else None,
        "environment": environment("cpu"),
    }  # fmt: skip


def _save(config: TuneLrConfig, base: Config, run: directory.RunDirectory, report: Report) -> None:
    run.write(directory.CONFIG, config.to_toml())
    if report["best"]:
        given = {n: getattr(base, n) for n in base.model_fields_set}
        run.write(BEST, type(base).build({**given, "lr": report["best"]["params"]["lr"]}).to_toml())
    run.write(directory.REPORT, to_json(report) + "\n")


def _draw(
    config: TuneLrConfig, name: str, run: directory.RunDirectory, report: Report, curves: Sequence[Curve]
) -> None:
    if config.plots == "none":
        return
    from dlcli.reports.charts.rates import Sweep, range_test_chart

    marks = [(n.replace("minimum_tenth", "minimum/10"), entry["median"])
             for n, entry in report["sweep"]["suggestions"].items() if math.isfinite(entry["median"])]  # fmt: skip
    marks += [(n.partition(" (")[0], value) for n, value in report["sweep"]["exact"].items()]
    sweeps = [Sweep(f"seed {c.seed}", c.rates.tolist(), c.losses.tolist(), c.found.smoothed.tolist()) for c in curves]
    title = f"{name}: the training loss while the learning rate rises"
    chart = range_test_chart(sweeps, title=title, value_title="training loss", marks=marks, format=config.plots)
    run.write_chart("lr", config.plots, chart.to_bytes())
