"""``dlcli eval`` as a function: config in, report out."""

from pathlib import Path

from dlcli.config.evaluate import EvalConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.files import write_atomic
from dlcli.linear.evaluate import MeasuringSettings, evaluate_linear
from dlcli.linear.saved import AppliedSettings
from dlcli.reports.evaluate import EvalReport
from dlcli.tasks.against import checks_of, with_against
from dlcli.tasks.saved import holds_network


def evaluate(config: EvalConfig, progress: Progress | None = None) -> EvalReport:
    """Measure a saved model: a linear one on a table, in one pass; a network on images.

    Returns the report, with ``metrics``, ``rows`` or ``images``, and ``checks``. Raises DlcliError for a damaged
    model or data that don't fit it; a check that fails raises nothing.
    """
    progress = progress or Silent()
    config, relative = checks_of(config)
    check_file(config.out)
    check_file(config.mistakes, "--mistakes")
    report: EvalReport
    draw = None
    if holds_network(config):
        from dlcli.networks.inference.evaluate import evaluate_network
        from dlcli.networks.inference.settings import EvaluationSettings

        report = evaluate_network(EvaluationSettings.of(config), progress)
    else:
        _check_folder(config.charts)
        found = evaluate_linear(AppliedSettings.of(config), MeasuringSettings.of(config), progress)
        report, draw = found.report, found.draw
    if config.against is not None:
        report = with_against(config, report, relative, progress)
    if config.out is not None:
        write_atomic(config.out, report.to_json().encode() + b"\n")
    if draw is not None and config.charts is not None:
        progress.result(report)  # before the charts, which need half a second more
        folder = config.charts
        folder.mkdir(exist_ok=True)
        draw(lambda name, chart: write_atomic(folder / f"{name}.png", chart.to_bytes()))
    return report


def _check_folder(folder: Path | None) -> None:
    """Raise DlcliError where no charts can be written to a folder, before the work begins."""
    if folder is not None and folder.exists() and not folder.is_dir():
        raise DlcliError(f"--charts {folder} is a file", "give a folder")
    if folder is not None and not folder.absolute().parent.is_dir():
        raise DlcliError(f"--charts {folder}: there is no directory {folder.parent}", "create it first")


def check_file(out: Path | None, option: str = "--out") -> None:
    """Raise DlcliError where nothing can be written to ``out``, before the work begins."""
    if out is None:
        return
    if not out.parent.is_dir():
        raise DlcliError(f"{option} {out}: there is no directory {out.parent}", "create it first")
    if out.is_dir():
        raise DlcliError(f"{option} {out} is a directory", "give a file name")
