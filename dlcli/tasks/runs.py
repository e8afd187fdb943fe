"""``dlcli runs`` as a function: config in, report out."""

import difflib
import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from dlcli.config.saved.runs import ORDERS, RunsConfig
from dlcli.errors import DlcliError
from dlcli.reports.saved.metrics import flat, higher_is_better, looked_up, main_metric
from dlcli.reports.saved.runs import RunEntry, RunsReport
from dlcli.runs.past import PastRun, past_runs
from dlcli.text import counted, listed


def list_runs(config: RunsConfig) -> RunsReport:
    """The runs in a folder. Raises DlcliError where there is none, or none has the metric to sort by."""
    found, others = past_runs(config.folder)
    if not found:
        what = f"none of {counted(others, 'folder')} in {config.folder} is one" if others else "it has no folders"
        raise DlcliError(f"there are no runs in {config.folder}: {what}", "give the folder that holds run directories")
    metric = None if config.sort in ORDERS else config.sort
    if metric is not None:
        _check_metric(metric, found)
    now = time.time()
    entries = [_entry(run, metric, now) for run in found]
    return RunsReport(
        command="runs", folder=str(config.folder), sorted_by=config.sort, runs=_sorted(entries, config.sort),
        others=others,
    )  # fmt: skip


def _entry(run: PastRun, metric: str | None, now: float) -> RunEntry:
    metrics = flat(run.metrics)
    name, value = main_metric(run.report, metrics)
    if metric is not None:
        name = looked_up(metrics, metric) or ""
        value = metrics.get(name)
    return RunEntry(
        run=str(run.path),
        command=run.command,
        data=run.data,
        status=run.status,
        reason=run.reason,
        metric=name,
        value=_nan_for_none(value),
        metrics={part: {n: _nan_for_none(v) for n, v in values.items()} for part, values in run.metrics.items()},
        steps=run.steps,
        seconds=run.seconds,
        written=datetime.fromtimestamp(run.written, UTC).isoformat(timespec="seconds"),
        age=max(0.0, now - run.written),
    )


def _nan_for_none(value: float | None) -> float:
    return math.nan if value is None else value


def _sorted(entries: Sequence[RunEntry], by: str) -> list[RunEntry]:
    """The best first, those that can't be compared last; runs that are equal by their names."""
    ordered = sorted(entries, key=lambda one: one.run)
    if by == "run":
        return ordered
    if by == "age":
        return sorted(ordered, key=lambda one: one.age)

    def place(entry: RunEntry) -> float:
        if by in ORDERS:
            length = entry.steps if by == "steps" else entry.seconds
            return math.inf if length is None else length
        if math.isnan(entry.value):
            return math.inf
        return -entry.value if higher_is_better(entry.metric) else entry.value

    return sorted(ordered, key=place)


def _check_metric(metric: str, runs: Sequence[PastRun]) -> None:
    """Raise DlcliError where no run has the metric."""
    known = list(dict.fromkeys(name for run in runs for name in flat(run.metrics)))
    if looked_up(dict.fromkeys(known), metric) is None:
        choices = [*ORDERS, *known]
        close = difflib.get_close_matches(metric, [*choices, *(name.partition(".")[2] for name in known)], n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise DlcliError(f"--sort {metric}: no run has it", f"{hint}there are {listed(choices)}")
