"""``dlcli explain`` as a function: config in, explanation out."""

from datetime import UTC, datetime
from pathlib import Path

from dlcli import __version__
from dlcli.config.saved.explain import NEWEST, ExplainConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.linear.explain.explain import explain_linear
from dlcli.linear.explain.settings import LinearExplaining
from dlcli.linear.saved import AppliedSettings
from dlcli.reports.explain.base import Explained, Explanation
from dlcli.reports.explain.page import page_of
from dlcli.reports.page.render import page_html
from dlcli.runs import directory
from dlcli.runs.bundled import is_bundled
from dlcli.runs.names import EXPLAINED, EXPLAINED_PAGE
from dlcli.runs.open import report_of, run_folder
from dlcli.tasks.saved import holds_network

BUNDLED = Path("bundled:denoise-gray")
TRAININGS = ("fit-linear", "train-deconv")


def explain(config: ExplainConfig, progress: Progress | None = None) -> Explanation:
    """Explain a saved model, and write what was found into a folder of its own, as figures, pictures and one page.

    Returns the report, the document of explain.json. Raises DlcliError for no run, one that diverged or is of another
    kind, data that don't fit it, and an ``out`` that can't be.
    """
    progress = progress or Silent()
    folder = directory.RunDirectory("explain", config.out, config.force)
    config = _with_run(config, progress)
    _check_converged(config.run)
    network = holds_network(config)
    explained = _explained(config, folder, progress, network=network)
    report = explained.report
    folder.write(directory.CONFIG, config.to_toml(folder.path))
    folder.write(EXPLAINED, report.to_json() + "\n")
    progress.result(report)
    drawn: dict[str, bytes] = {}

    def write(name: str, data: bytes, extension: str) -> None:
        folder.write_chart(name, extension, data)
        drawn[f"{name}.{extension}"] = data

    explained.draw(write)
    made = f"dlcli {__version__}, {datetime.now(UTC).isoformat(' ', 'minutes').removesuffix('+00:00')} UTC"
    folder.write(EXPLAINED_PAGE, page_html(page_of(report, drawn, made)))
    return report


def _explained(
    config: ExplainConfig, folder: directory.RunDirectory, progress: Progress, *, network: bool
) -> Explained:
    if network:
        from dlcli.networks.inference.explain.network import explain_network
        from dlcli.networks.inference.explain.settings import ExplainingSettings

        return explain_network(ExplainingSettings.of(config), folder, progress)
    return explain_linear(AppliedSettings.of(config), LinearExplaining.of(config), folder, progress)


def _with_run(config: ExplainConfig, progress: Progress) -> ExplainConfig:
    """The config with the run that is meant where none was given."""
    if config.run != NEWEST:
        return config
    models = [
        path / directory.MODEL for command in TRAININGS for path in directory.RunDirectory.existing(command, None)
    ]
    there = [model for model in models if model.is_file()]
    if not there:
        run = BUNDLED
        progress.note(f"no RUN given, and none in {NEWEST}: explaining {run}")
    else:
        run = max(there, key=lambda model: model.stat().st_mtime).parent
        progress.note(f"no RUN given: explaining the newest, {run}")
    return config.model_copy(update={"run": run})


def _check_converged(run: Path) -> None:
    """Raise DlcliError for a run that diverged: its weights say nothing."""
    if is_bundled(run):
        return
    report = report_of(run_folder(run))
    if report.status == "diverged":
        reason = f": {report.reason}" if report.reason else ""
        raise DlcliError(
            f"{run} diverged{reason}; its weights explain nothing", "train it again with a smaller learning rate (--lr)"
        )
