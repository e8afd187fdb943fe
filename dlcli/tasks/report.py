"""``dlcli report`` as a function: config in, report out."""

from datetime import UTC, datetime
from pathlib import Path

from dlcli import __version__
from dlcli.config.saved.report import ReportConfig
from dlcli.errors import DlcliError
from dlcli.files import write_atomic
from dlcli.reports.page.compare import differing, page_of
from dlcli.reports.page.markdown import comment_of
from dlcli.reports.page.render import page_html
from dlcli.reports.page.source import Picture, Source
from dlcli.reports.saved.metrics import flat
from dlcli.reports.saved.report import PageReport, ReportedRun
from dlcli.runs.names import PAGE, PLOTS, REPORT
from dlcli.runs.open import run_folder
from dlcli.runs.past import PastRun, past_run
from dlcli.runs.settings import settings_of
from dlcli.tasks.evaluate import check_file


def make_report(config: ReportConfig) -> PageReport:
    """Write a page of runs, or make Markdown of them.

    Raises DlcliError for what is no run, a run without anything to show, and a file that is there.
    """
    runs = [_run(path) for path in config.run]
    _check_distinct(runs)
    out = None if config.markdown and config.out is None else _out(config, runs)
    sources = [_source(run, name) for run, name in zip(runs, _names(runs), strict=True)]
    size = None
    if out is not None:
        made = f"dlcli {__version__}, {datetime.now(UTC).isoformat(' ', 'minutes').removesuffix('+00:00')} UTC"
        data = page_html(page_of(sources, made)).encode()
        write_atomic(out, data)
        size = len(data)
    return PageReport(
        command="report",
        out=None if out is None else str(out),
        bytes=size,
        runs=[ReportedRun(run=str(run.path), command=run.command, status=run.status) for run in runs],
        differing=differing(sources) if len(sources) > 1 else [],
        markdown=comment_of(sources),
    )


def _run(path: Path) -> PastRun:
    folder = path.parent if path.name == REPORT else run_folder(path)
    run = past_run(folder)
    if run is None:
        hint = "give run directories such as runs/fit-linear-001; dlcli runs lists them"
        raise DlcliError(f"{path} is no run: it has neither settings nor a report of dlcli", hint)
    if run.trouble:
        raise DlcliError(f"{path}: {run.trouble}", "train it again")
    if not run.report and not run.metrics:
        raise DlcliError(f"{path} is {run.status}, and has nothing to show", "train it again")
    if not any(value is not None for value in flat(run.metrics).values()) and run.status == "diverged":
        raise DlcliError(f"{path} diverged, and has no metrics", "train it again with a smaller learning rate")
    return run


def _check_distinct(runs: list[PastRun]) -> None:
    places = [run.path.resolve() for run in runs]
    for number, place in enumerate(places):
        if place in places[:number]:
            raise DlcliError(f"{runs[number].path} is given twice", "give each run once")


def _out(config: ReportConfig, runs: list[PastRun]) -> Path:
    """Where the page goes. Raises DlcliError where it can't, or something is there."""
    out = config.out or (runs[0].path / PAGE if len(runs) == 1 else Path(PAGE))
    check_file(out)
    if out.exists() and not config.force:
        raise DlcliError(f"{out} exists", "choose another file with --out, or add --force")
    return out


def _names(runs: list[PastRun]) -> list[str]:
    """The runs' names: the last part of their paths, where that tells them apart."""
    short = [run.path.resolve().name for run in runs]
    return short if len(set(short)) == len(short) else [str(run.path) for run in runs]


def _source(run: PastRun, name: str) -> Source:
    settings = settings_of(run)
    return Source(
        name=name,
        command=run.command,
        status=run.status,
        reason=run.reason,
        report=run.report,
        settings=settings.shown,
        defaults=settings.defaults,
        compared=settings.compared,
        metrics=flat(run.metrics),
        records=run.records,
        pictures=_pictures(run.path / PLOTS),
        data=run.data,
    )


def _pictures(folder: Path) -> list[Picture]:
    found = []
    for path in sorted(folder.glob("*.png")):
        try:
            found.append(Picture(path.stem, path.read_bytes()))
        except OSError:
            continue
    return found
