"""A run directory as eval and predict take it up."""

from pathlib import Path

from dlcli.errors import DlcliError
from dlcli.files import PICKLES
from dlcli.reports.saved.training import SavedReport
from dlcli.runs import directory
from dlcli.runs.bundled import bundled_folder, is_bundled


def run_folder(run: Path) -> Path:
    """The run directory that ``run`` means: itself, that of the model file, or of bundled:NAME.

    Raises DlcliError if there is none.
    """
    if is_bundled(run):
        return bundled_folder(run)
    if run.suffix in PICKLES:
        raise DlcliError(f"{run} is a pickle, which can run any code, so dlcli never opens one", "give a run directory")
    if run.name == directory.MODEL:
        run = run.parent
    if not run.is_dir():
        raise DlcliError(
            f"there is no run directory {run}",
            "give one that 'dlcli fit-linear' or 'dlcli train-deconv' made, such as runs/fit-linear-001",
        )
    return run


def report_of(run: Path) -> SavedReport:
    """The run's report.json; one without fields where it is gone or damaged."""
    folder = run.parent if run.name == directory.MODEL else run
    try:
        return SavedReport.model_validate_json((folder / directory.REPORT).read_bytes())
    except (OSError, ValueError):
        return SavedReport()
