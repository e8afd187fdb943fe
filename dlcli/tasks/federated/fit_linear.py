"""``dlcli federate fit-linear`` as a function: config in, report out."""

import functools
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from dlcli.config.federated.fit_linear import FederateLinearConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Remembering, Silent
from dlcli.federated.linear.apart import Apart
from dlcli.federated.linear.entries import federation_entry
from dlcli.federated.linear.fit import PreparedRounds, prepared_rounds, private_server
from dlcli.federated.linear.server import ClientsLostError
from dlcli.federated.privacy import PrivateServer
from dlcli.linear.data.cache import FitCache
from dlcli.linear.data.load import Loaded, load
from dlcli.linear.report import draw_charts, make_report, save
from dlcli.linear.result import Fit
from dlcli.linear.start.run import Start, starting_point
from dlcli.reports.fit_linear import FitLinearReport
from dlcli.runs import directory
from dlcli.runs.trackers.tracked import check_installed, tracked
from dlcli.tasks.federated.pooled import Pooling, pooled_fit
from dlcli.tasks.fit_linear import Defer, diverged, recorded_fit, train
from dlcli.text import listed, printable

RUN = "federate-fit-linear"


@dataclass(frozen=True)
class _Trained:
    """A fit over clients; ``ready`` where it was one by rounds."""

    loaded: Loaded
    result: Fit
    ready: PreparedRounds | None


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
    noise = private_server(config, len(apart.names))
    with ExitStack() as until_drawn:
        defer = functools.cache(lambda: until_drawn.enter_context(deferred_signals()))
        track = functools.cache(lambda: until_drawn.enter_context(tracked(config.log_to, run, progress.warn)))
        while True:
            try:
                found = _trained(config, apart, begin, noise, (run, progress, defer, track))
                break
            except ClientsLostError as error:
                _go_on_without(apart, error.clients, run, progress)
        loaded, result = found.loaded, found.result
        pooled = pooled_fit(config, result, Start.of(config.init) if config.init else None) if config.pooled else None
        report = make_report(loaded, result, None, run, time.monotonic() - start, progress.warnings)
        entry = federation_entry(config, apart, loaded, result, found.ready)
        if pooled is not None:
            entry = entry.model_copy(update={"pooled": pooled.entry})
        report = report.model_copy(update={"command": "federate fit-linear", "federation": entry})
        defer()
        save(config, loaded, result, report, run)
        if result.trace.last.status != "diverged":
            progress.result(report)
        draw_charts(config, result, report, run)
        if pooled is not None:
            _draw(config, found, pooled, run)
    if result.trace.last.status == "diverged":
        raise diverged(loaded.plan, result)
    return report


def _trained(
    config: FederateLinearConfig, apart: Apart, begin: Start | None, noise: PrivateServer | None,
    under: tuple[directory.RunDirectory, Progress, Defer, Callable[[], None]],
) -> _Trained:  # fmt: skip
    run, progress, defer, track = under
    averages = config.averages
    loaded = load(config.of_rounds_only() if averages else config.with_files(), progress, apart=apart)
    begun = starting_point(begin, config, loaded, progress)
    run.path.mkdir(exist_ok=True)
    track()
    space = FitCache(loaded.usable, loaded.device, lasting=True, start=begun)
    if not averages:
        return _Trained(loaded, train(loaded.plan, space, run, progress, defer, loaded.inference), None)
    ready = prepared_rounds(config, loaded, space, apart, noise)
    return _Trained(loaded, recorded_fit(ready, run, progress, defer, loaded.inference), ready)


def _go_on_without(apart: Apart, lost: set[int], run: directory.RunDirectory, progress: Progress) -> None:
    """Begin anew without clients that gave no answer."""
    names = listed(printable(apart.names[client]) for client in sorted(lost))
    apart.gone |= lost
    left = len(apart.names) - len(apart.gone)
    progress.warn(f"{names} gave no answer: fitted anew to the rows of the other {left} clients, and to those only")
    if not isinstance(run, directory.UnwrittenRun):
        (run.path / directory.METRICS).unlink(missing_ok=True)


def _draw(config: FederateLinearConfig, found: _Trained, pooled: Pooling, run: directory.RunDirectory) -> None:
    """plots/federated.png: the loss after each round beside that of pooled training, and the pooled optimum."""
    if config.plots == "none" or found.ready is None:
        return
    from dlcli.reports.charts.line import Curve, Panel, loss_chart

    panels = []
    for part, name in (("loss", "training loss"), ("val_loss", "validation loss")):
        groups = {"over clients": found.result.trace.steps, "on all rows": pooled.steps}
        known = {k: [s for s in steps if getattr(s, part) is not None] for k, steps in groups.items()}
        if all(known.values()):
            curves = [
                Curve(k, [s.step for s in steps], [getattr(s, part) for s in steps]) for k, steps in known.items()
            ]
            best = pooled.entry.metrics.get("train" if part == "loss" else "val", {}).get("loss")
            panels.append(Panel(name, curves, None if best is None else ("optimum on all rows", best)))
    name = found.ready.plan.optimizer.replace("fed", "Fed").replace("avg", "Avg").replace("prox", "Prox")
    title = f"{name}, {len(found.ready.apart.names)} clients, {config.partition}"
    chart = loss_chart(panels, title=title, format=config.plots, unit="round")
    run.write_chart("federated", config.plots, chart.to_bytes())
