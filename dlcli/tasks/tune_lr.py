"""``dlcli tune-lr`` as a function: configs in, report out."""

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Report
from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.reports.charts import preload
from dlcli.runs import directory
from dlcli.runs.trials import TRIALS, read_trials
from dlcli.search.charts import draw_charts
from dlcli.search.plan import Search, plan_search
from dlcli.search.progress import SilentSearch
from dlcli.search.records import Record
from dlcli.search.report import Ending, failed, make_report, save
from dlcli.search.runner import Runner
from dlcli.search.session import Recorder, open_study, place_of, record_of_line, was_stopped
from dlcli.search.space import canonical
from dlcli.search.study.liveness import this_worker
from dlcli.search.study.opening import data_changed
from dlcli.search.study.study import Study
from dlcli.tasks.trainings import open_rate_test, open_trials

if TYPE_CHECKING:
    from dlcli.config.train_deconv import TrainDeconvConfig


def tune_lr(config: TuneLrConfig, base: "FitLinearConfig | TrainDeconvConfig", progress: Any = None) -> Report:
    """Search the options of the training command whose config is ``base``, and write a run directory.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad settings, data or storage,
    4 when every trial diverged.
    """
    start = time.monotonic()
    progress = progress or SilentSearch()
    if config.method == "sweep":
        from dlcli.search.sweep import sweep

        return sweep(config, base, progress, open_rate_test)
    search = plan_search(config, base, progress, open_trials)
    run, known = _open_run(search, progress)
    url, name = place_of(search.config, run)
    study = open_study(search, url, name, len(known))
    try:
        return _searched(search, study, run, known, url, progress, start)
    finally:
        study.close()


def _searched(
    search: Search, study: Study, run: directory.RunDirectory, known: list[Record], url: str | None, progress: Any,
    start: float,
) -> Report:  # fmt: skip
    config = search.config
    study.enqueue(search.points, known)
    if not known:
        run.append_metrics({"about": search.about, "worker": this_worker()}, TRIALS)
    else:
        # From now on this process is at work there: another copy of the command must not join in.
        run.append_metrics({"worker": this_worker()}, TRIALS)
        run.remove(directory.REPORT)
        progress.note(f"going on with {run.path}: {len(known)} trials have ended already")
    if study.shared and not study.created:
        ended = sum(r.ended for r in study.records())
        progress.note(f"the study exists: {ended} of its trials have ended")
    recorder = Recorder(run, search, progress, {(r.number, r.rung) for r in known})
    left = search.runs - sum(job.ended for job in study.jobs())
    progress.search(
        f"tune-lr: {search.name}, {config.method}, {search.metric}",
        tuple(axis.name for axis in search.space.axes), str(search.metric), search.metric.larger, max(left, 0),
    )  # fmt: skip
    progress.known(study.records(search.halving))
    if search.name == "train-deconv" and config.plots != "none":
        preload()
    reason, signum = "", 0
    deadline = start + config.minutes * 60 if config.minutes else math.inf
    with deferred_signals() as check_signal:
        try:
            reason = _work(search, study, recorder, url, deadline, check_signal)
        except Interrupted as interrupt:
            reason, signum = interrupt.reason, interrupt.signum
        finally:
            progress.end()
        records = study.records(search.halving)
        progress.known(records)
        recorder.catch_up(records)
        first = [job for job in study.jobs() if job.rung == 0]
        report = make_report(search, run, Ending(records, first, reason, signum, time.monotonic() - start))
        save(search, run, report, records)
    if report["best"] and not report["best"]["complete"]:
        progress.warn("no trial has been trained in full: the best is that of shorter runs")
    if search.metric.name == "r2" and not getattr(search.base, "intercept", True):
        progress.note(f"{search.metric} is uncentered, against predicting 0, as the model has no intercept")
    if search.unmeasured and sum(t["state"] == "complete" for t in report["trials"]) > 1:
        progress.note(
            f"each point was run once: how far {search.metric} varies by chance isn't known; --repeats 3 measures it"
        )
    with deferred_signals() if not signum else nullcontext():
        if not failed(report) or signum:
            progress.result(report)
        draw_charts(search, run, report, records)
    if failed(report) and not signum:
        raise all_diverged(search, records)
    return report


def _work(
    search: Search, study: Study, recorder: "Recorder", url: str | None, deadline: float, check: Callable[[], None]
) -> str:
    if search.config.workers > 1:
        from dlcli.search.pool import work_together

        return work_together(search, study, recorder, url, deadline, check)
    runner = Runner(
        search.config, search.base, search.trials, study, search.halving, search.metric, recorder, check
    )  # fmt: skip
    return runner.work(deadline)


def _open_run(search: Search, progress: Progress) -> tuple[directory.RunDirectory, list[Record]]:
    """The run directory: a new one, or that of the same search if it was stopped; and what had ended there.

    A study that has a name goes on in the directory of --out even when it has ended.
    """
    config = search.config
    named = config.study is not None or config.storage is not None
    goes_on = ("stopped", "finished") if named else ("stopped",)
    changed = ""
    candidates = directory.RunDirectory.existing("tune-lr", config.out)
    for path in candidates if not config.force and (config.out or not named) else []:
        header, lines = read_trials(path / TRIALS)
        if not header:
            continue
        if difference := data_changed(header["about"], search.about):
            if not changed and was_stopped(path, header, goes_on):
                changed = f"{path}: its data are no longer those of its trials: {difference}"
            continue
        if canonical(header["about"]) != canonical(search.about):
            continue
        if was_stopped(path, header, goes_on):
            records = [r for line in lines if (r := record_of_line(line)) is not None]
            return directory.RunDirectory.taken_up("tune-lr", path), records
        break  # it has ended, or another copy of the command is at work there
    if changed and config.out:
        another = "another --study and another --out" if named else "another --out, or start again with --force"
        raise DlcliError(changed, f"bring the old data back, or choose {another}")
    if changed:
        progress.warn(f"{changed}; this search starts again from the beginning")
    return directory.RunDirectory("tune-lr", config.out, config.force), []


def all_diverged(search: Search, records: list[Record]) -> DlcliError:
    """The error of a search of which nothing came."""
    if all(r.state == "failed" for r in records if r.ended):
        return DlcliError(
            f"all {len(records)} trials were lost with the processes that ran them",
            "start again with another --study, or with --out and --force", ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    stable = [r.outcome.stable_lr for r in records if r.outcome and r.outcome.stable_lr]
    rates = [float(r.params["lr"]) for r in records if isinstance(r.params.get("lr"), (int, float))]
    remedy = "give other values"
    if stable and math.isfinite(min(stable)):
        edge = min(stable)
        remedy = f"the largest stable learning rate is {edge:.3g}: try --lr {edge / 1000:.2g}:{edge:.2g}"
    elif rates:
        low = min(rates)
        remedy = f"try --lr {low / 1000:.2g}:{low / 2:.2g}"
    return DlcliError(f"all {len(records)} trials diverged", remedy, ExitCode.TRAINING_FAILED)
