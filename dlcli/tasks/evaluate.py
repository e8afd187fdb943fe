"""``dlcli eval`` as a function: config in, report out."""

from pathlib import Path

from dlcli.config.evaluate import EvalConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.files import write_atomic
from dlcli.linear.evaluate import evaluate_linear
from dlcli.linear.saved import AppliedSettings
from dlcli.reports.evaluate import EvalReport
from dlcli.tasks.saved import holds_network


def evaluate(config: EvalConfig, progress: Progress | None = None) -> EvalReport:
    """Measure a saved model: a linear one on a table, in one pass; a network on images.

    Returns the report, with ``metrics``, ``rows`` or ``images``, and ``checks``. Raises DlcliError for a damaged
    model or data that don't fit it; a check that fails raises nothing.
    """
    progress = progress or Silent()
    check_file(config.out)
    check_file(config.mistakes, "--mistakes")
    report: EvalReport
    if holds_network(config):
        from dlcli.networks.inference.evaluate import evaluate_network
        from dlcli.networks.inference.settings import EvaluationSettings

        report = evaluate_network(EvaluationSettings.of(config), progress)
    else:
        report = evaluate_linear(AppliedSettings.of(config), config.check, progress)
    if config.out is not None:
        write_atomic(config.out, report.to_json().encode() + b"\n")
    return report


def check_file(out: Path | None, option: str = "--out") -> None:
    """Raise DlcliError where nothing can be written to ``out``, before the work begins."""
    if out is None:
        return
    if not out.parent.is_dir():
        raise DlcliError(f"{option} {out}: there is no directory {out.parent}", "create it first")
    if out.is_dir():
        raise DlcliError(f"{option} {out} is a directory", "give a file name")
