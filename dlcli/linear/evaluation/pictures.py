"""The pictures of a linear model, made of what was measured of some rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.evaluation.classes import CONFIDENCE_BINS, MAX_F1, MeasuredClasses
from dlcli.linear.evaluation.family_rows import FamilyRows
from dlcli.linear.evaluation.ranking import Ranking
from dlcli.linear.evaluation.rows import NumberRows
from dlcli.linear.metrics import ranked_classes

if TYPE_CHECKING:
    from dlcli.reports.charts.figure import Chart
    from dlcli.reports.charts.models.curves import Decision, RankedCurve, Reliability
    from dlcli.reports.charts.models.residuals import DrawnRows

MOST_POINTS = 1000  # of a curve
BINS, MORE_BINS, MANY_ROWS = 10, 20, 10_000  # of probability; more where there are many rows
MANY_DRAWN = 2000  # drawn rows from which there are more bins of what numbers are predicted
COUNTED = 25  # bins whose rows are counted
Write = Callable[[str, "Chart"], None]  # a chart by its name, without suffix


@dataclass(frozen=True)
class About:
    """What pictures are of: the name of the target, its classes, and the format of the files."""

    target: str
    classes: tuple[str, ...]
    format: Literal["png", "svg", "pdf"] = "png"


@dataclass(frozen=True)
class NumberPart:
    """Rows of a part ("training", "validation", or where eval's come from), and what was measured of all of them."""

    name: str
    rows: NumberRows | FamilyRows
    spread: float  # of the residuals; of families the dispersion
    metrics: dict[str, float]


@dataclass(frozen=True)
class ClassPart:
    """The same of classes."""

    name: str
    measured: MeasuredClasses
    selected: bool = False  # the threshold, on these rows


def draw_numbers(parts: Sequence[NumberPart], about: About, write: Write, quantile: float | None = None) -> None:
    """Residuals of the first part, and predictions of all; nothing where every row decides its own prediction.

    Of families also means in bins of the prediction; of a ``quantile`` the share below it, and no residuals, which
    nothing is to be normal of.
    """
    from dlcli.reports.charts.models.residuals import PredictedPart, predicted_chart

    drawn = [part.rows.drawn(part.spread) for part in parts]
    if not all(len(rows.number) for rows in drawn):
        return
    first, family = parts[0], isinstance(parts[0].rows, FamilyRows)
    if family or quantile is not None:
        _draw_bins(parts, about, write, quantile)
    if quantile is None:
        _draw_residuals(first, drawn[0], about, write)
    shown = [PredictedPart(part.name, rows, _measured(part.metrics)) for part, rows in zip(parts, drawn, strict=True)]
    title = f"{about.target}: predicted and actual values"
    write("predicted", predicted_chart(shown, target=about.target, title=title, format=about.format))


def _draw_residuals(part: NumberPart, drawn: "DrawnRows", about: About, write: Write) -> None:
    from dlcli.reports.charts.models.residuals import diagnostics_chart

    title = f"{about.target}: residuals of {_rows(part.rows.rows, part.name)}"
    write("diagnostics", diagnostics_chart(drawn, title=title, format=about.format))


def _draw_bins(parts: Sequence[NumberPart], about: About, write: Write, quantile: float | None) -> None:
    """How what was predicted came, by bins of the prediction, of the rows that are drawn."""
    from dlcli.reports.charts.models.bins import Binned, BinnedAbout, coverage_chart, means_chart

    make = Binned.means if quantile is None else Binned.coverage
    samples = [part.rows.sample() for part in parts]
    shown = [
        make(part.name, sample, MORE_BINS if len(sample[0]) >= MANY_DRAWN else BINS)
        for part, sample in zip(parts, samples, strict=True)
    ]
    note = "; ".join(
        f"{part.name}: {len(sample[0]):,} of {part.rows.rows:,} rows, drawn at random"
        for part, sample in zip(parts, samples, strict=True)
        if len(sample[0]) < part.rows.rows
    )
    said = BinnedAbout(about.target, f"{about.target}: calibration", note, about.format)
    chart = means_chart(shown, said) if quantile is None else coverage_chart(shown, said, quantile)
    write("calibration", chart)


def _measured(metrics: dict[str, float]) -> str:
    if "coverage" in metrics:
        return f"coverage {metrics['coverage']:.4g}, MAE {metrics['mae']:.4g}"
    explained = f"D2 {metrics['d2']:.4g}" if "d2" in metrics else f"R2 {metrics['r2']:.4g}"
    return f"{explained}, RMSE {metrics['rmse']:.4g}"


def _rows(count: float, part: str) -> str:
    return f"{count:,} {part} rows" if part in ("training", "validation") else f"{count:,} rows {part}"


def draw_classes(parts: Sequence[ClassPart], about: About, write: Write) -> None:
    """Curves, calibration and confusion matrix; all but the curves of two classes are those of the last part."""
    from dlcli.reports.charts.confusion import confusion_chart
    from dlcli.reports.charts.models.curves import calibration_chart, ranking_chart

    last = parts[-1]
    found = last.measured
    rows = _rows(found.rows, last.name)
    if any(ranking.known for ranking in found.rankings):
        curves = _curves(parts, about)
        what = f"{about.classes[1]} against {about.classes[0]}" if found.binary else "each class against the others"
        title = f"{about.target}: {what}" + ("" if len(parts) > 1 and found.binary else f", {rows}")
        decision = _decision(last, among=len(parts) > 1) if found.binary else None
        write("ranking", ranking_chart(curves, title=title, decision=decision, format=about.format))
    names = (f"{about.classes[1]}", about.classes[1], about.classes[0])
    if not found.binary:
        names = ("the most probable class", "right", "wrong")
    shown = [_reliability(part) for part in parts]
    title = f"{about.target}: calibration" + ("" if len(parts) > 1 else f", {rows}")
    write("calibration", calibration_chart(shown, title=title, names=names, format=about.format))
    if found.matrix is not None:
        write("confusion", confusion_chart(found.matrix, about.classes, format=about.format))


def _curves(parts: Sequence[ClassPart], about: About) -> list["RankedCurve"]:
    if parts[-1].measured.binary:
        known = [part for part in parts if part.measured.rankings[0].known]
        return [_curve(part.name, part.measured.rankings[0], part.measured, 1) for part in known]
    found = parts[-1].measured
    ranked = ranked_classes(len(about.classes))
    return [
        _curve(about.classes[c], ranking, found, c)
        for c, ranking in zip(ranked, found.rankings, strict=True)
        if ranking.known
    ]


def _curve(name: str, ranking: Ranking, found: MeasuredClasses, c: int) -> "RankedCurve":
    from dlcli.reports.charts.models.curves import RankedCurve

    shown = coarser(ranking, MOST_POINTS)
    return RankedCurve(
        name, *shown.roc(), *shown.precision_recall(), ranking.auc(), ranking.average_precision(),
        float(found.actual[c] / found.rows),
    )  # fmt: skip


def coarser(ranking: Ranking, most: int) -> Ranking:
    """The same with neighboring values taken together, so that there are about ``most`` at most: points of its curves.

    A curve moves up with rows of the class, and across with others: both are cut into equal parts.
    """
    if len(ranking.values) <= most:
        return ranking
    cuts = [np.zeros(1, dtype=np.int64)]
    for counts in (ranking.positive, ranking.negative):
        reached = np.cumsum(counts)
        cuts.append(np.searchsorted(reached, np.linspace(0, reached[-1], most // 2 + 1)[1:-1]) + 1)
    starts = np.unique(np.concatenate(cuts))
    starts = starts[starts < len(ranking.values)]
    summed = [np.add.reduceat(counts, starts) for counts in (ranking.positive, ranking.negative)]
    return Ranking(ranking.values[starts], summed[0], summed[1], ranking.exact)


def _decision(part: ClassPart, *, among: bool) -> "Decision | None":
    from dlcli.reports.charts.models.curves import Decision

    found = part.measured
    if found.matrix is None or not found.present.all():
        return None
    where = f", {part.name}" if among else ""
    text = "the more probable class" if found.threshold is None else f"threshold {found.threshold:.4g}"
    if part.selected:
        text += f" ({MAX_F1}, selected on these rows)"
    precision = float(found.precision[1])
    return Decision(
        text + where, float(found.matrix[0, 1] / found.actual[0]), float(found.recall[1]),
        precision if np.isfinite(precision) else 1.0,
    )  # fmt: skip


def _reliability(part: ClassPart) -> "Reliability":
    """Probabilities in bins of about as many rows each, beside how often they came true."""
    from dlcli.reports.charts.models.curves import Reliability

    found = part.measured
    if found.binary:
        ranking = found.rankings[0]
        probability = 1 / (1 + np.exp(-np.clip(ranking.values[::-1], -700, 700)))
        true, untrue = ranking.positive[::-1].astype(np.float64), ranking.negative[::-1].astype(np.float64)
    else:
        filled = found.confidence[1] > 0
        sums, rows, true = found.confidence[:, filled]
        probability, untrue = sums / rows, rows - true
    bins = MORE_BINS if found.rows >= MANY_ROWS else BINS
    said, rows, came_true = equal_bins(probability, true, untrue, bins)
    edges = np.linspace(0, 1, COUNTED + 1)
    # Probabilities of several classes are known to a thousandth: no bin may cut one of those in two.
    places = np.minimum((probability * COUNTED * (1 + 1e-12)).astype(np.int64), COUNTED - 1)
    assert CONFIDENCE_BINS % COUNTED == 0
    counts = [np.bincount(places, weights, minlength=COUNTED).astype(np.float64) for weights in (true, untrue)]
    return Reliability(part.name, said, rows, came_true, edges, counts[0], counts[1])


def equal_bins(
    probability: FloatArray, true: FloatArray, untrue: FloatArray, bins: int
) -> tuple[FloatArray, FloatArray, FloatArray]:  # fmt: skip
    """Mean probabilities, rows, and rows that came true, of bins of about as many rows each.

    probability (m,) ascending; true, untrue (m,): how many rows each has. Rows of one probability stay together.
    """
    rows = true + untrue
    place = np.minimum((np.cumsum(rows) - rows / 2) / rows.sum() * bins, bins - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    counts, sums, hits = (np.add.reduceat(values, starts) for values in (rows, rows * probability, true))
    return sums / counts, counts, hits
