"""``dlcli federate fit-linear`` as a function: config in, report out."""

import functools
import time
from contextlib import ExitStack

from dlcli.config.federated.fit_linear import FederateLinearConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Remembering, Silent
from dlcli.federated.linear.apart import Apart
from dlcli.federated.linear.entries import federation_entry
from dlcli.federated.linear.server import ClientsLostError
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import load
from dlcli.linear.report import draw_charts, make_report, save
from dlcli.linear.start.run import Start, starting_point
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.runs import directory
from dlcli.runs.trackers.tracked import check_installed, tracked
from dlcli.tasks.fit_linear import diverged, train
from dlcli.text import listed, printable

RUN = "federate-fit-linear"


def federate_linear(config: FederateLinearConfig, shown: Progress | None = None) -> FitLinearReport:
    """Fit a linear, logistic or softmax regression to rows that stay with clients, and write its run directory.

    Returns the report. Raises DlcliError: exit code 2 for bad data or settings, 4 when training diverges, or too few
    clients answer.
    """
    start, progress = time.monotonic(), Remembering(shown or Silent())
    check_installed(config.log_to)
    begin = Start.of(config.init) if config.init else None
    run = directory.RunDirectory(RUN, config.out, config.force)
    apart = Apart.of(config)
    with ExitStack() as until_drawn:
        defer = functools.cache(lambda: until_drawn.enter_context(deferred_signals()))
        track = functools.cache(lambda: until_drawn.enter_context(tracked(config.log_to, run, progress.warn)))
        while True:
            try:
                loaded = load(config.with_files(), progress, apart=apart)
                begun = starting_point(begin, config, loaded, progress)
                run.path.mkdir(exist_ok=True)
                track()
                space = FitCache(loaded.usable, loaded.device, lasting=True, start=begun)
                result = train(loaded.plan, space, run, progress, defer, loaded.inference)
                break
            except ClientsLostError as error:
                _go_on_without(apart, error.clients, run, progress)
        seconds = time.monotonic() - start
        report = make_report(loaded, result, None, run, seconds, progress.warnings)
        entry = federation_entry(config, apart, loaded, result.model, {})
        report = report.model_copy(update={"command": "federate fit-linear", "federation": entry})
        defer()
        save(config, loaded, result, report, run)
        if result.trace.last.status != "diverged":
            progress.result(report)
        draw_charts(config, result, report, run)
    if result.trace.last.status == "diverged":
        raise diverged(loaded.plan, result)
    return report


def _go_on_without(apart: Apart, lost: set[int], run: directory.RunDirectory, progress: Progress) -> None:
    """Begin anew without clients that gave no answer."""
    names = listed(printable(apart.names[client]) for client in sorted(lost))
    apart.gone |= lost
    left = len(apart.names) - len(apart.gone)
    progress.warn(f"{names} gave no answer: fitted anew to the rows of the other {left} clients, and to those only")
    (run.path / directory.METRICS).unlink(missing_ok=True)
