"""``dlcli fit-linear`` as a function: config in, report out."""

import functools
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.loop import Step
from dlcli.engine.progress import Progress, Remembering, Silent
from dlcli.engine.ranks import Ranks, launched
from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import Loaded, folds_of, held_out, load, read
from dlcli.linear.data.rows import Held
from dlcli.linear.diagnostics.advice import Ended, against_divergence
from dlcli.linear.fit import Prepared, fit, prepare
from dlcli.linear.inference.settings import InferenceSettings
from dlcli.linear.model import LinearModel
from dlcli.linear.plan import Plan
from dlcli.linear.report import draw_charts, draw_pictures, make_report, model_of, save, with_residuals
from dlcli.linear.result import Fit
from dlcli.linear.shared.crew import Crew, leading, serve
from dlcli.linear.start.run import Start, starting_point
from dlcli.reports.columns import DryRunReport
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.runs import directory
from dlcli.runs.trackers.tracked import check_installed, tracked
from dlcli.tables.sharing import agreed
from dlcli.tables.sources import Source
from dlcli.tables.terms.options import with_terms

RUN = "fit-linear"  # under this name a group remembers its run's directory
# Has signals wait from now on; gives the function that raises Interrupted once one has come.
Defer = Callable[[], Callable[[], None]]


def fit_linear(config: FitLinearConfig, progress: Progress | None = None) -> FitLinearReport:
    """Fit a linear, logistic or softmax regression and write its run directory.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad data or settings, 4
    when training diverges.
    """
    config, ranks = with_terms(config), launched()
    if ranks.count == 1:
        return _fit(config, progress or Silent(), None)
    if config.formula or config.log or config.poly or config.interactions or config.log_target:
        what = "--log-target passes over the rows" if config.log_target else "terms learn from the rows"
        raise DlcliError(f"{what} in one process", "run it without torchrun")
    if config.path:
        raise DlcliError(f"{config.path} is the work of one process", "run it without torchrun")
    if asked := "--robust" if config.robust else "--cluster" if config.cluster else "":
        raise DlcliError(f"{asked} passes over the rows in one process", "run it without torchrun")
    ranks.connect("cpu")
    try:
        if ranks.leads:
            with leading(ranks) as crew:
                return _fit(config, progress or Silent(), crew)
        return _help(config, ranks)
    finally:
        ranks.close()


@dataclass(frozen=True)
class FittedInMemory:
    """A model and its report, of which nothing was written."""

    model: LinearModel
    report: FitLinearReport


def fit_in_memory(config: FitLinearConfig, table: Source, progress: Progress) -> FittedInMemory:
    """Fit to a table that a Python program holds, as ``fit_linear`` does, without a run directory.

    ``config.data`` only says that there is a table. Raises DlcliError: see ``fit_linear``.
    """
    start, config = time.monotonic(), with_terms(config)
    if config.path:
        raise DlcliError(f"{config.path} leaves path.csv in a run directory", "run dlcli fit-linear, or give a number")
    loaded = load(config, progress, held=table)
    begun = starting_point(Start.of(config.init) if config.init else None, config, loaded, progress)
    space = FitCache(loaded.usable, loaded.device, lasting=False, start=begun)
    run = directory.UnwrittenRun(RUN)
    # Ctrl-C ends it at once: there is nothing to save.
    result = train(loaded.plan, space, run, progress, lambda: lambda: None, loaded.inference)
    if result.trace.last.status == "diverged":
        raise diverged(loaded.plan, result)
    report = make_report(loaded, result, None, run, time.monotonic() - start).model_copy(update={"run": ""})
    return FittedInMemory(model_of(config, loaded, result, report), report)


def _help(config: FitLinearConfig, ranks: Ranks) -> FitLinearReport:
    """What the other processes do: read their shares, and answer until the first one ends."""
    agreed(ranks, None)
    found = read(config, ranks)
    document = serve(ranks, found.share)
    return FitLinearReport.model_construct(**document)


def _fit(config: FitLinearConfig, shown: Progress, crew: Crew | None) -> FitLinearReport:
    start, progress = time.monotonic(), Remembering(shown)
    check_installed(config.log_to)
    run, begin = _run_of(config, crew)
    loaded = load(config, progress, crew)
    begun = starting_point(begin, config, loaded, progress)
    if crew is not None:
        crew.ranks.keep(RUN, str(run.path))
    run.path.mkdir(exist_ok=True)  # a folder that can't be made is said before training, not after
    space = FitCache(loaded.usable, loaded.device, lasting=bool(config.folds), start=begun)
    with tracked(config.log_to, run, progress.warn):
        return _fitted(config, loaded, space, _Under(run, progress, crew, start))


@dataclass(frozen=True)
class _Under:
    """Where a fit is written and shown, and when it began."""

    run: directory.RunDirectory
    progress: Remembering
    crew: Crew | None
    start: float


def _fitted(config: FitLinearConfig, loaded: Loaded, space: FitCache, under: _Under) -> FitLinearReport:
    run, progress, crew, plan = under.run, under.progress, under.crew, loaded.plan
    path = None
    if plan.penalty.path:
        from dlcli.linear.paths.told import along_path  # here, so that a plain fit takes not a moment longer

        path = along_path(config, loaded, space, progress)
        loaded, plan = path.loaded, path.loaded.plan
    with ExitStack() as until_drawn:
        defer = functools.cache(lambda: until_drawn.enter_context(deferred_signals()))
        result = train(plan, space, run, progress, defer, loaded.inference)
        folds, result = _folds(plan, space, defer, progress, result) if path is None else path.of_fit(result)
        report = make_report(loaded, result, folds, run, time.monotonic() - under.start, progress.warnings)
        report = path.of_report(report) if path else report
        if config.diagnostics and crew is None and not report.signal:
            report = with_residuals(loaded, result, report)
        defer()  # which only the exact solver hasn't done before its first step
        if path:
            path.write(run)
        save(config, loaded, result, report, run)
        if crew is not None and result.trace.last.status != "diverged":
            crew.end(report={"signal": report.signal})  # the charts are not theirs
        if result.trace.last.status != "diverged":
            progress.result(report)  # before the charts, which need half a second more
        draw_charts(config, result, report, run)
        if path:
            path.draw(run, config.plots)
    if result.trace.last.status == "diverged":
        raise diverged(plan, result)
    if config.diagnostics and not report.signal:  # signals end it: all but the pictures is there
        draw_pictures(config, loaded, report, run)
    return report


def _folds(
    plan: Plan, space: FitCache, defer: Defer, progress: Progress, result: Fit
) -> tuple[list[dict[str, float]] | None, Fit]:
    """The metrics of each fold, and the fit: that of an interrupted command if a signal came meanwhile."""
    if not plan.split.folds or result.trace.last.signum:
        return None, result
    try:
        return cross_validate(plan, space, defer), result
    except Interrupted as interrupt:
        progress.warn("interrupted while cross-validating: the model is saved without it")
        last = replace(result.trace.last, signum=interrupt.signum)
        return None, replace(result, trace=replace(result.trace, last=last))


def _run_of(config: FitLinearConfig, crew: Crew | None) -> tuple[directory.RunDirectory, Start | None]:
    """The run's directory, and what --init names; the other processes hear if one can't be.

    A group that is started again, as one of its processes was killed, begins anew in the directory that it had.
    """
    before = crew.ranks.kept(RUN) if crew is not None and crew.ranks.restarts else None
    out, force = (Path(before), True) if before else (config.out, config.force)
    try:
        begin = Start.of(config.init) if config.init else None
        run = directory.RunDirectory(RUN, out, force)
    except DlcliError as error:
        if crew is not None:
            agreed(crew.ranks, error)
        raise
    if crew is not None:
        agreed(crew.ranks, None)
    return run, begin


def dry_run(config: FitLinearConfig) -> DryRunReport:
    """How the table of a config is read and its columns are used, without a fit. Raises DlcliError."""
    from dlcli.linear.data.inspect import inspect_table

    if launched().count > 1:
        raise DlcliError("--dry-run is the work of one process", "run it without torchrun")
    return inspect_table(config)


def train(
    plan: Plan,
    space: FitCache,
    run: directory.RunDirectory,
    progress: Progress,
    defer: Defer,
    inference: InferenceSettings,
) -> Fit:
    """Train on all training rows; each report goes to metrics.jsonl and to ``progress``."""
    held = held_out(plan.split, space.data)
    ready = prepare(plan, space, space.data.training_groups(), Held(held, held))
    return recorded_fit(ready, run, progress, defer, inference)


def recorded_fit(
    ready: Prepared, run: directory.RunDirectory, progress: Progress, defer: Defer, inference: InferenceSettings
) -> Fit:  # fmt: skip
    """Run a fit; each report goes to metrics.jsonl and to ``progress``."""
    recorded = -1

    def on_step(step: Step) -> None:
        nonlocal recorded
        if step.step != recorded:  # a signal during a report is answered by another one of the same step
            run.append_metrics(
                {
                    "step": step.step,
                    "loss": step.loss,
                    "val_loss": step.val_loss,
                    "lr": step.lr,
                    "gradient_norm": step.gradient_norm,
                    "seconds": step.seconds,
                }
            )
            recorded = step.step
        progress.step(step)

    try:
        return fit(ready, progress, on_step, defer, inference)
    finally:
        progress.end()


def cross_validate(plan: Plan, space: FitCache, defer: Defer) -> list[dict[str, float]]:
    """Validation metrics of each fold, none of which has a say in how its model is trained or chosen.

    Raises Interrupted after a signal: a fold that was cut short says nothing.
    """
    folds = folds_of(plan.split, space.data)
    watched = held_out(plan.split, space.data)
    quiet = Silent()
    results = []
    for fold in folds:
        rest = plan.split.beside(fold, space.data.training_groups())
        ready = prepare(plan, space, rest, Held(watched, [fold], fold=True))
        result = fit(ready, quiet, quiet.step, defer)
        if result.trace.last.signum:
            raise Interrupted(result.trace.last.signum)
        results.append(result.metrics["val"])
    return results


def diverged(plan: Plan, result: Fit) -> DlcliError:
    """The error of a run that diverged, with what helps."""
    rate = f" with learning rate {result.trace.lr:.4g}" if np.isfinite(result.trace.lr) else ""
    return DlcliError(
        f"training diverged at step {result.trace.last.step}{rate} ({result.trace.last.reason})",
        against_divergence(plan, Ended.of(result)),
        ExitCode.TRAINING_FAILED,
    )
