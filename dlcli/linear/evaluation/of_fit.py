"""The pictures of a fit that was just saved: its coefficients, and one more pass over the rows of its table."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.arrays import BoolArray, FloatArray
from dlcli.engine.progress import Silent
from dlcli.linear.data.held_out import HeldOutRows, rows_without_data
from dlcli.linear.data.load import Loaded
from dlcli.linear.data.table_data import ChunkSource
from dlcli.linear.evaluation.classes import ClassSums
from dlcli.linear.evaluation.deviance import DevianceSums
from dlcli.linear.evaluation.family_rows import FamilyRows
from dlcli.linear.evaluation.huber import HuberSums
from dlcli.linear.evaluation.numbers import NumberSums
from dlcli.linear.evaluation.pictures import About, ClassPart, NumberPart, Write, draw_classes, draw_numbers
from dlcli.linear.evaluation.rows import NumberRows
from dlcli.linear.evaluation.sample import Leverage
from dlcli.linear.inference.uncertainty import Uncertainty
from dlcli.linear.losses.families import family_of
from dlcli.linear.losses.pinball import PinballSums
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import of_classes, of_family, of_numbers_by_rows, of_quantile, quantile_of
from dlcli.linear.problem import sums_of_numbers
from dlcli.linear.saved import AppliedSettings, load_run, open_data
from dlcli.reports.fit_linear import ClassCoefficients, Coefficient, FitLinearReport
from dlcli.tables.table import Chunk, ReadOptions, Schema

if TYPE_CHECKING:
    from dlcli.reports.charts.models.coefficients import Interval

PARTS = ("training", "validation")
UNLIKE = 50  # times the narrowest interval that the widest one is, from which units differ too much for one axis


def draw_fit(run: Path, loaded: Loaded, report: FitLinearReport, about: About, write: Write) -> None:
    """Draw coefficients and, from one more pass over the table, what fits its target.

    Raises DlcliError where the table can't be read again.
    """
    draw_coefficients(report, _spreads(loaded), about, write)
    model, schema, trained = load_run(run)
    chunks = _chunks(run, model, schema, trained)
    if not of_classes(model.kind):
        make = _family_parts if of_family(model.kind) else _number_parts
        quantile = quantile_of(model.kind) if of_quantile(model.kind) else None
        draw_numbers(make(loaded, report, model, chunks), about, write, quantile)
    else:
        draw_classes(_class_parts(model, about, chunks), about, write)


def _chunks(
    run: Path, model: LinearModel, schema: Schema, trained: FitLinearConfig
) -> Iterator[tuple[Chunk, BoolArray]]:  # fmt: skip
    """Chunks of the rows trained on and of those held out, and which of their rows are held out."""

    def opened(data: tuple[str, ...]) -> ChunkSource:
        settings = AppliedSettings(run, data, None, ReadOptions())
        return open_data(settings, model, schema, trained, Silent(), need_target=True)

    if trained.val_data:
        for held, table in ((False, opened(trained.data)), (True, opened(()))):
            yield from ((chunk, np.full(len(chunk.y), held)) for chunk in table.chunks())
        return
    table, start, every = opened(()), 0, None
    if trained.holds_out:
        measured, _ = rows_without_data(table, trained, run, Silent(), classes=of_classes(model.kind))
        every = measured.held if isinstance(measured, HeldOutRows) else None
    for chunk in table.chunks():
        stop = start + len(chunk.y)
        yield chunk, np.zeros(len(chunk.y), dtype=np.bool_) if every is None else every[start:stop]
        start = stop


def _number_parts(
    loaded: Loaded, report: FitLinearReport, model: LinearModel, chunks: Iterator[tuple[Chunk, BoolArray]]
) -> list[NumberPart]:  # fmt: skip
    usable, intercept = loaded.usable, loaded.plan.columns.intercept
    moments = usable.merged(usable.training_groups())
    exponents = None if loaded.data.exponents is None else loaded.data.exponents[loaded.keep]
    leverage = Leverage.of(moments, loaded.keep, exponents, intercept=intercept)
    parts = [NumberRows(_sums(model, intercept=intercept), of) for of in (leverage, None)]
    for chunk, held in chunks:
        X = np.where(np.isnan(chunk.X), model.fill, chunk.X)
        predicted, numbers = model.linear(X)[:, 0], chunk.numbers
        y = chunk.y if model.smearing is None else np.log(chunk.y)
        y = y if chunk.offset is None else y - chunk.offset
        for part, rows in zip(parts, (~held, held), strict=True):
            if rows.any():
                weights = None if chunk.weights is None else chunk.weights[rows]
                part.add(numbers[rows], X[rows], (y[rows], predicted[rows], weights))
    found = []
    for name, part in zip(PARTS, parts, strict=True):
        if part.sums.rows:
            metrics = part.sums.metrics()
            spread = report.residual_sd or (report.huber.scale if report.huber else metrics["rmse"])
            found.append(NumberPart(name, part, spread, metrics))
    return found


def _sums(model: LinearModel, *, intercept: bool) -> NumberSums | HuberSums | PinballSums:
    if of_numbers_by_rows(model.kind):
        sums = sums_of_numbers(model.kind)
        assert not isinstance(sums, DevianceSums)
        return sums
    return NumberSums(centered=intercept)


def _family_parts(
    _loaded: Loaded, report: FitLinearReport, model: LinearModel, chunks: Iterator[tuple[Chunk, BoolArray]]
) -> list[NumberPart]:  # fmt: skip
    """Leverage is the hat matrix's of the weighted least squares at the fit, where its covariance is kept."""
    known = _hat(report, model)
    family = family_of(model.kind)
    rank = report.summary.rank if known is not None and report.summary is not None else None
    parts = [FamilyRows(DevianceSums(family), of) for of in (rank, None)]
    for chunk, held in chunks:
        X = np.where(np.isnan(chunk.X), model.fill, chunk.X)
        scores, numbers = model.linear(X, chunk.offset)[:, 0], chunk.numbers
        leverage = None
        if known is not None:
            leverage = np.minimum(family.weights(scores) * known.std_errors(X) ** 2 / known.dispersion, 1.0)
        for part, rows, own in zip(parts, (~held, held), (leverage, None), strict=True):
            if rows.any():
                weights = None if chunk.weights is None else chunk.weights[rows]
                of_rows = (chunk.y[rows], scores[rows], weights)
                part.add(numbers[rows], of_rows, None if own is None else own[rows])
    found = []
    for name, part in zip(PARTS, parts, strict=True):
        if part.sums.rows:
            found.append(NumberPart(name, part, _dispersion(report, part), part.sums.metrics()))
    return found


def _hat(report: FitLinearReport, model: LinearModel) -> Uncertainty | None:
    how = report.summary.inference if report.summary is not None else None
    classical = how is not None and how.covariance == "classical"
    known = model.uncertainty
    return known if classical and known is not None and known.dispersion > 0 else None


def _dispersion(report: FitLinearReport, part: FamilyRows) -> float:
    """That of the report, or where it has none, as of a penalized fit, by Pearson's residuals of the rows."""
    if not part.family.dispersed:
        return 1.0
    likelihood = report.summary.likelihood if report.summary is not None else None
    return likelihood.dispersion if likelihood is not None else part.sums.pearson / part.sums.rows


def _class_parts(model: LinearModel, about: About, chunks: Iterator[tuple[Chunk, BoolArray]]) -> list[ClassPart]:
    sums, rows = [ClassSums(len(about.classes)) for _ in PARTS], [0, 0]
    for chunk, held in chunks:
        log_probabilities, codes = model.log_probabilities(chunk.X, chunk.offset), chunk.y.astype(np.int64)
        for number, chosen in enumerate((~held, held)):
            if chosen.any():
                weights = None if chunk.weights is None else chunk.weights[chosen]
                sums[number].add(log_probabilities[chosen], codes[chosen], weights)
                rows[number] += int(chosen.sum())
    return [ClassPart(name, one.measured()) for name, one, n in zip(PARTS, sums, rows, strict=True) if n]


def _spreads(loaded: Loaded) -> FloatArray:
    """Standard deviations of all columns (d,) on the training rows."""
    data = loaded.data
    moments = data.merged(data.training_groups())
    found = np.sqrt(moments.diagonal[1:] / max(moments.count - 1, 1))
    return found if data.exponents is None else np.ldexp(found, data.exponents)


def draw_coefficients(report: FitLinearReport, spreads: FloatArray, about: About, write: Write) -> None:
    """Coefficients with the report's intervals, where it has them; where units differ much, by columns' spreads."""
    from dlcli.reports.charts.models.coefficients import coefficient_chart

    flat = _flat(report, spreads)
    if not flat:
        return
    widths = [(one.high - one.low) / 2 if math.isfinite(one.low) else abs(one.value) for one, _ in flat]
    known = [width for width in widths if width > 0 and math.isfinite(width)]
    scaled = bool(known) and max(known) > UNLIKE * min(known)
    intervals = [_times(one, spread) if scaled else one for one, spread in flat]
    how = report.summary.inference if report.summary is not None else None
    sure = how is not None and any(math.isfinite(one.low) for one, _ in flat)
    positive = about.classes[1] if len(about.classes) == 2 else ""
    of = about.target if not about.classes else f"log-odds of {positive}" if positive else "log-odds"
    unit = f"{of} by {'standard deviation' if scaled else 'unit'} of the column" + ("" if sure else "; no intervals")
    title = f"{about.target}: coefficients"
    if sure and how is not None:
        errors = "" if how.covariance == "classical" else f", {how.covariance} standard errors"
        title += f" with {100 * how.confidence:.6g}% intervals{errors}"
    write("coefficients", coefficient_chart(intervals, title=title, unit=unit, format=about.format))


def _flat(report: FitLinearReport, spreads: FloatArray) -> list[tuple["Interval", float]]:
    """Each coefficient but the intercept and those of no say, and the spread of its column."""
    from dlcli.reports.charts.models.coefficients import Interval

    slopes = [(name, entry) for name, entry in report.coefficients.items() if name != "intercept"]
    found: list[tuple[Interval, float]] = []
    for (name, entry), spread in zip(slopes, spreads.tolist(), strict=True):
        if name in report.aliased or spread == 0:
            continue
        if isinstance(entry, Coefficient):
            ends = _ends(entry.low, entry.high)
            found.append((Interval(name, entry.value, *ends, _size(entry.value, entry.std_error, spread)), spread))
        elif isinstance(entry, ClassCoefficients):
            low, high = entry.low or {}, entry.high or {}
            found += [
                (Interval(name, v, *_ends(low.get(c), high.get(c)), _size(v, entry.std_error[c], spread), c), spread)
                for c, v in entry.value.items()
            ]
    return found


def _ends(low: float | None, high: float | None) -> tuple[float, float]:
    return (math.nan, math.nan) if low is None or high is None else (low, high)


def _size(value: float, error: float | None, spread: float) -> float:
    """By which coefficients are chosen where they are too many to be drawn: the size of t or z, where it is known."""
    return abs(value) / error if error else abs(value) * spread


def _times(one: "Interval", factor: float) -> "Interval":
    return replace(one, value=one.value * factor, low=one.low * factor, high=one.high * factor)
