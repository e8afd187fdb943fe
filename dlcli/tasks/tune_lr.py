"""``dlcli tune-lr`` as a function: configs in, report out."""

import math
import time
from contextlib import ExitStack, closing, nullcontext

from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress
from dlcli.reports.charts import preload
from dlcli.reports.tune_lr import SearchReport, TuneReport
from dlcli.runs.trackers.tracked import check_installed, tracked
from dlcli.search.charts import draw_charts
from dlcli.search.plan import Search, plan_search, plan_sweep
from dlcli.search.pool import WorkerOrder
from dlcli.search.progress import SearchProgress, SilentSearch
from dlcli.search.report import all_diverged, failed, make_report, save
from dlcli.search.session import Session
from dlcli.search.settings import TrainingConfig
from dlcli.tasks.trainings import open_rate_test, open_trials


def tune_lr(config: TuneLrConfig, base: TrainingConfig, progress: SearchProgress | None = None) -> TuneReport:
    """Search the options of the training command whose config is ``base``, and write a run directory.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad settings, data or storage,
    4 when every trial diverged.
    """
    start = time.monotonic()
    progress = progress or SilentSearch()
    check_installed(config.log_to)
    if config.method == "sweep":
        from dlcli.search.sweep import sweep

        settings = plan_sweep(config, base)
        return sweep(settings, open_rate_test(base, progress), progress, start)
    deadline = start + config.minutes * 60 if config.minutes else math.inf
    search = plan_search(config, base, progress, open_trials)
    with ExitStack() as until_ended:
        session = until_ended.enter_context(closing(Session.open(search, progress)))
        until_ended.enter_context(tracked(config.log_to, session.run, progress.warn, bool(session.known)))
        search = session.search
        session.begin()
        if search.configs.command == "train-deconv" and config.plots != "none":
            preload()
        with deferred_signals() as check_signal:
            reason, signum = session.work(_order(config, base, search), deadline, check_signal)
            ending = session.ending(reason, signum, time.monotonic() - start)
            report = make_report(search, session.run, ending)
            save(search, session.run, report, ending.records)
        _remark(search, report, progress)
        with deferred_signals() if not signum else nullcontext():
            if not failed(report) or signum:
                progress.result(report)
            draw_charts(search, session.run, report, ending.records)
        if failed(report) and not signum:
            raise all_diverged(ending.records)
        return report


def _order(config: TuneLrConfig, base: TrainingConfig, search: Search) -> WorkerOrder:
    """What a worker process plans the same search from."""
    return WorkerOrder(
        config.model_dump(mode="json"), search.configs.command, base.model_dump(mode="json", exclude_unset=True)
    )


def _remark(search: Search, report: SearchReport, progress: Progress) -> None:
    """Say what the best trial's value doesn't."""
    if report.best and not report.best.complete:
        progress.warn("no trial has been trained in full: the best is that of shorter runs")
    if search.metric.name == "r2" and not getattr(search.configs.base, "intercept", True):
        progress.note(f"{search.metric} is uncentered, against predicting 0, as the model has no intercept")
    if sum(t.state == "complete" for t in report.trials) < 2 or not report.best:
        return
    if search.unmeasured:
        progress.note(
            f"each point was run once: how far {search.metric} varies by chance isn't known; --repeats 3 measures it"
        )
    elif report.best.error is None and search.configs.command == "fit-linear" and search.metric.validated == "val":
        progress.note(
            f"how far {search.metric} depends on the rows held out isn't known; --cv 5 compares trials fold by fold"
        )
