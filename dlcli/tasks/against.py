"""``dlcli eval RUN DATA --against RUN2``: whether the difference is more than chance."""

from collections.abc import Mapping, Sequence

from dlcli.config.evaluate import EvalConfig
from dlcli.engine.bootstrap import CONFIDENCE, RESAMPLES, Difference
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.linear.evaluation.against import compared
from dlcli.linear.saved import AppliedSettings
from dlcli.reports.evaluate import ClassificationReport, EvalReport, RestorationReport
from dlcli.reports.saved.against import (
    Against,
    MetricAgainst,
    RelativeCheck,
    relative_outcomes,
    split_checks,
    verdict_of,
)
from dlcli.reports.saved.images_against import compared_images
from dlcli.runs.open import run_folder
from dlcli.tasks.saved import is_network

FEW = 30  # rows or images under which the interval is too narrow, and that is said


def checks_of(config: EvalConfig) -> tuple[EvalConfig, list[RelativeCheck]]:
    """The config without the checks against another model, and those. Raises DlcliError, before the work begins."""
    plain, relative = split_checks(config.check)
    if config.against is None:
        if relative:
            raise DlcliError(f"--check {relative[0].text!r} needs --against", "name the other run: --against RUN")
        return config, relative
    if run_folder(config.against).resolve() == run_folder(config.run).resolve():
        raise DlcliError(f"--against {config.against} is the run itself", "give another one")
    if is_network(config.against) != is_network(config.run):
        raise DlcliError(
            f"--against {config.against}: one run is of images, the other of a table", "give one of a kind"
        )
    if not config.data:
        raise DlcliError(
            "--against needs DATA: what one run held out, the other may have trained on",
            "give data that neither has seen",
        )
    if config.threshold is not None:
        raise DlcliError("--threshold doesn't go with --against, which compares probabilities", "leave it out")
    return config.model_copy(update={"check": plain}), relative


def with_against(
    config: EvalConfig, report: EvalReport, checks: Sequence[RelativeCheck], progress: Progress
) -> EvalReport:
    """The report with what comes of the comparison. Raises DlcliError for models that can't be compared."""
    assert config.against is not None
    if isinstance(report, ClassificationReport):
        from dlcli.networks.inference.compared.classes import compared_classes
        from dlcli.networks.inference.settings import EvaluationSettings

        found, count = compared_classes(EvaluationSettings.of(config), config.against, config.noise_seed, progress)
        unit = "images"
    elif isinstance(report, RestorationReport):
        from dlcli.networks.inference.evaluate import evaluate_network
        from dlcli.networks.inference.settings import EvaluationSettings

        second = config.model_copy(update={"run": config.against, "check": (), "mistakes": None, "compare": False})
        other = evaluate_network(EvaluationSettings.of(second), progress)
        found, count = compared_images(report, other, config.against, config.noise_seed)
        unit = "images"
    else:
        found, count = compared(AppliedSettings.of(config), config.against, config.noise_seed, progress)
        unit = "rows"
    if count < FEW:
        progress.warn(f"--against: of {count:,} {unit} the intervals are too narrow; {FEW} or more tell")
    against = Against(
        run=str(config.against), compared=count, confidence=CONFIDENCE, resamples=RESAMPLES, seed=config.noise_seed,
        metrics=_metrics(found),
    )  # fmt: skip
    outcomes = relative_outcomes(checks, against)
    return report.model_copy(update={"against": against, "checks": [*report.checks, *outcomes]})


def _metrics(found: Mapping[str, Difference]) -> dict[str, MetricAgainst]:
    return {
        name: MetricAgainst(
            value=one.first, against=one.second, difference=one.difference, low=one.low, high=one.high,
            verdict=verdict_of(name, one.difference, one.low, one.high),
        )
        for name, one in found.items()
    }  # fmt: skip
