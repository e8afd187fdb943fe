"""The loss curve of a fit: what its chart shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dlcli.engine.loop import Step
from dlcli.linear.problem import Validate
from dlcli.linear.solvers.solver import LinearSolver

if TYPE_CHECKING:
    from dlcli.reports.charts.figure import Chart


@dataclass(frozen=True)
class LossCurve:
    """Losses by step: of all reports and, where they cost nothing, of log-spaced steps before the first of them."""

    training: Mapping[int, float]
    validation: Mapping[int, float]


def loss_curve(solver: LinearSolver, validate: Validate | None, reports: Sequence[Step]) -> LossCurve:
    """The curve of a fit that has ended, with its ``reports``. ``validate`` measures parameters on held-out rows."""
    training: dict[int, float] = {}
    validation: dict[int, float] = {}
    first = reports[1].step if len(reports) > 1 else 0
    for passed in solver.passed(first):
        training[passed.step] = passed.loss
        if validate is not None and passed.theta is not None:
            validation[passed.step] = validate(passed.theta)["loss"]
    training |= {report.step: report.loss for report in reports}
    validation |= {report.step: report.val_loss for report in reports if report.val_loss is not None}
    return LossCurve(dict(sorted(training.items())), dict(sorted(validation.items())))


def draw(
    curve: LossCurve, *, title: str, loss: str, saved: int | None, format: Literal["png", "svg", "pdf"]
) -> "Chart":
    """The chart of a curve; ``loss`` in words, ``saved`` is the step whose weights are."""
    from dlcli.reports.charts.line import Curve, Panel, loss_chart

    named = {"training": curve.training, "validation": curve.validation}
    curves = [Curve(name, list(losses), list(losses.values())) for name, losses in named.items() if losses]
    panel = Panel(f"loss ({loss})", curves)
    return loss_chart([panel], title=title, saved=saved, log_steps=True, format=format)
