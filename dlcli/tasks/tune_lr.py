"""``dlcli tune-lr`` as a function: configs in, report out."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Report, Silent
from dlcli.errors import DlcliError, ExitCode, Interrupted
from dlcli.runs import directory
from dlcli.runs.trials import JOURNAL, TRIALS, read_trials
from dlcli.search.plan import Search, plan_search
from dlcli.search.records import Outcome, Record
from dlcli.search.report import Ending, failed, make_report, save
from dlcli.search.runner import Runner
from dlcli.search.space import canonical, point_seed
from dlcli.search.study.liveness import is_dead, this_worker
from dlcli.search.study.opening import data_changed
from dlcli.search.study.study import Study

if TYPE_CHECKING:
    from dlcli.config.train_deconv import TrainDeconvConfig


class SearchProgress(Progress, Protocol):
    """Receives what happens during a search."""

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """A search of so many runs begins."""

    def known(self, records: list[Record]) -> None:
        """Trials that ended before this process began, or elsewhere: the best may be one of them."""

    def trial(self, record: Record, progress: float) -> None:
        """A trial has ended; ``progress`` is the share of the search that is done."""


class SilentSearch(Silent):
    """Shows nothing."""

    def search(self, title: str, names: tuple[str, ...], metric: str, larger: bool, runs: int | None) -> None:
        """Ignore."""

    def known(self, records: list[Record]) -> None:
        """Ignore."""

    def trial(self, record: Record, progress: float) -> None:
        """Ignore."""


def tune_lr(config: TuneLrConfig, base: "FitLinearConfig | TrainDeconvConfig", progress: Any = None) -> Report:
    """Search the options of the training command whose config is ``base``, and write a run directory.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad settings, data or storage,
    4 when every trial diverged.
    """
    start = time.monotonic()
    progress = progress or SilentSearch()
    if config.method == "sweep":
        from dlcli.search.sweep import sweep

        return sweep(config, base, progress)
    search = plan_search(config, base, progress)
    run, known = _open_run(search, progress)
    url, name = _place(search.config, run)
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
        progress.note(f"the study is there already: {ended} of its trials have ended")
    recorder = Recorder(run, search, progress, {(r.number, r.rung) for r in known})
    left = search.runs - sum(job.ended for job in study.jobs())
    progress.search(
        f"tune-lr: {search.name}, {config.method}, {search.metric}",
        tuple(axis.name for axis in search.space.axes), str(search.metric), search.metric.larger, max(left, 0),
    )  # fmt: skip
    progress.known(study.records(search.ladder))
    reason, signum = "", 0
    deadline = start + config.minutes * 60 if config.minutes else math.inf
    with deferred_signals() as check_signal:
        try:
            reason = _work(search, study, recorder, url, deadline, check_signal)
        except Interrupted as interrupt:
            reason, signum = "signal", interrupt.signum
        finally:
            progress.end()
        records = study.records(search.ladder)
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
        search.config, search.base, search.trials, study, search.ladder, search.metric, recorder, check
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
            if not changed and _was_stopped(path, header, goes_on):
                changed = f"{path}: its data are no longer those of its trials: {difference}"
            continue
        if canonical(header["about"]) != canonical(search.about):
            continue
        if _was_stopped(path, header, goes_on):
            records = [r for line in lines if (r := _record(line)) is not None]
            return directory.RunDirectory.taken_up("tune-lr", path), records
        break  # it has ended, or another copy of the command is at work there
    if changed and config.out:
        another = "another --study and another --out" if named else "another --out, or start anew with --force"
        raise DlcliError(changed, f"bring the old data back, or choose {another}")
    if changed:
        progress.warn(f"{changed}; this search starts anew")
    return directory.RunDirectory("tune-lr", config.out, config.force), []


def _was_stopped(path: Path, header: dict[str, Any], statuses: tuple[str, ...]) -> bool:
    import json

    try:
        status = json.loads((path / directory.REPORT).read_text(encoding="utf-8")).get("status")
    except (OSError, ValueError):
        return is_dead(str(header.get("worker", "")), None)  # killed before it could write one
    return status in statuses


def _record(line: dict[str, Any]) -> Record | None:
    try:
        outcome = Outcome.from_json(line["outcome"])
        return Record(int(line["number"]), dict(line["params"]), outcome.state, int(line["rung"]), outcome)
    except (KeyError, TypeError, ValueError):
        return None


def _place(config: TuneLrConfig, run: directory.RunDirectory) -> tuple[str | None, str | None]:
    """Where the study is kept, and its name."""
    if config.storage is not None:
        return config.storage, config.study or "dlcli"
    if config.study is not None:
        return f"journal://{quote(str(Path('runs/studies').absolute() / (config.study + '.journal')))}", config.study
    if config.workers > 1:
        return f"journal://{quote(str(run.path.absolute() / JOURNAL))}", "dlcli"
    return None, None


def open_study(search: Search, url: str | None, name: str | None, known: int = 0) -> Study:
    """Open the study of a search, of which so many trials are ``known``."""
    import optuna

    config = search.config
    sampler: Any = None
    if config.method == "tpe":
        # A sampler taken up again must not draw what it drew before, nor two processes the same.
        seed = point_seed(config.seed, known, 0) if url is None else None
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=url is not None)
    pruners: dict[str, Callable[[], Any]] = {
        "median": optuna.pruners.MedianPruner, "hyperband": optuna.pruners.HyperbandPruner,
    }  # fmt: skip
    pruner = pruners.get(config.pruner, optuna.pruners.NopPruner)()
    return Study(
        url, name, search.about, search.space, larger=search.metric.larger, sampler=sampler, pruner=pruner,
        heartbeat=config.heartbeat,
    )  # fmt: skip


class Recorder:
    """Writes each trial as it ends, and shows it."""

    def __init__(
        self, run: directory.RunDirectory, search: Search, progress: Any, written: set[tuple[int, int]]
    ) -> None:
        self.run, self.search, self.progress, self.written = run, search, progress, written

    def trial(self, record: Record, progress: float) -> None:
        """A job of this process has ended."""
        self._write(record)
        self.progress.trial(record, progress)

    def _write(self, record: Record) -> None:
        key = (record.number, record.rung)
        if key in self.written or record.outcome is None:
            return
        self.written.add(key)
        self.run.append_metrics(
            {
                "number": record.number,
                "rung": record.rung,
                "params": record.params,
                "outcome": record.outcome.to_json(),
            },
            TRIALS,
        )

    def catch_up(self, records: list[Record]) -> None:
        """Trials that other workers ran."""
        for record in records:
            if record.ended:
                self._write(record)


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
        remedy = f"the largest stable rate is {edge:.3g}: try --lr {edge / 1000:.2g}:{edge:.2g}"
    elif rates:
        low = min(rates)
        remedy = f"try --lr {low / 1000:.2g}:{low / 2:.2g}"
    return DlcliError(f"all {len(records)} trials diverged", remedy, ExitCode.TRAINING_FAILED)
