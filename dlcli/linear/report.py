"""The numbers of a fitted linear model: coefficients with standard errors, and metrics."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.values.loss import HUBER
from dlcli.engine.arrays import FloatArray
from dlcli.engine.device import describe_device
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.fingerprint import fingerprint
from dlcli.linear.curve import draw
from dlcli.linear.data.load import Loaded
from dlcli.linear.inference.contrasts import Shown, against
from dlcli.linear.inference.entries import Columns, coefficient_entries
from dlcli.linear.inference.summary import summarize
from dlcli.linear.inference.uncertainty import Uncertainty
from dlcli.linear.losses.families import family_of
from dlcli.linear.model import LinearModel
from dlcli.linear.objectives.loss import loss_of, loss_words, of_classes, of_family, of_quantile, quantile_of
from dlcli.linear.result import Fit
from dlcli.reports.document import Fingerprint, environment
from dlcli.reports.fit_linear import CrossValidation, FamilyEntry, FitLinearReport, HuberEntry, RowWeights, Spread
from dlcli.reports.head import Ended, training_head
from dlcli.runs import directory
from dlcli.text import counted, printable

FINGERPRINTED = 4 << 20  # bytes of files that are read again for it: some milliseconds
TOO_MANY = "with --baseline they are computed for up to 1,000 coefficients"


def _standard_deviation(values: list[float]) -> float:
    """Standard deviation of a metric over folds; nan of folds that diverged."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.std(values, ddof=1))


def make_report(
    loaded: Loaded,
    result: Fit,
    folds: list[dict[str, float]] | None,
    run: directory.RunDirectory,
    seconds: float,
    warnings: Sequence[str] = (),
) -> FitLinearReport:
    """The document of report.json; ``warnings`` are those that were shown."""
    data, plan = loaded.data, loaded.plan
    target, intercept = data.schema.target, plan.columns.intercept
    assert target is not None
    said = summarize(data.schema, result, _shown(loaded, result), loaded.inference, _spreads(loaded))
    reason = result.verdict.no_errors or (TOO_MANY if said.tests is None else "")
    last = result.trace.last
    ended = Ended(last.step, last.status, last.reason, last.signum)
    return FitLinearReport(
        **training_head(run.path, describe_device(loaded.device), plan.batches.seed, seconds, ended),
        command="fit-linear",
        kept_step=result.trace.kept.step,
        selected_on="val.loss" if plan.stops_early else None,
        std_error_reason=reason or None,
        loss="cross-entropy" if of_classes(result.model.kind) else loss_of(plan.kind).name,
        optimizer=result.trace.optimizer,
        lr=result.trace.lr,
        target=data.schema.modeled,
        smearing=result.smearing,
        rows=data.rows,
        metrics=result.metrics,
        coefficients=coefficient_entries(
            data.schema.encoded_names,
            said.shown.classes,
            Columns.of(said.shown, said.tests, said.standardized),
            intercept=intercept,
        ),
        residual_sd=result.residual_sd,
        r2=result.metrics["train"].get("r2"),
        r2_uncentered=result.model.kind == "mse" and not intercept,
        condition_number=result.condition_number,
        aliased=[*loaded.aliased, *result.aliased],
        largest_stable_lr=result.trace.stable,
        environment=environment(loaded.device),
        summary=said.summary,
        family=_family(result),
        huber=_huber(loaded, result),
        quantile=quantile_of(result.model.kind) if of_quantile(result.model.kind) else None,
        classes=list(target.levels) or None,
        columns=list(loaded.columns) or None,
        decisions=list(loaded.decisions) or None,
        weights=_row_weights(loaded, result),
        offset=loaded.beside.offset,
        exposure=loaded.beside.exposure,
        split=loaded.split,
        cv=_cross_validation(folds) if folds else None,
        fingerprint=_fingerprint(loaded),
        warnings=list(warnings) or None,
    )


def _family(result: Fit) -> FamilyEntry | None:
    if not of_family(result.model.kind):
        return None
    family = family_of(result.model.kind)
    shape = result.likelihood.shape if result.likelihood is not None else None
    return FamilyEntry(
        link=family.link,
        variance=family.words,
        alpha=family.alpha or None,
        alpha_std_error=None if shape is None else shape.std_error,
        power=family.power if family.name == "tweedie" else None,
    )


def _huber(loaded: Loaded, result: Fit) -> HuberEntry | None:
    if (found := result.huber) is None:
        return None
    asked = loss_of(loaded.plan.kind)
    return HuberEntry(
        delta=asked.parameter if asked.name == HUBER else None, scale=found.scale, threshold=found.threshold,
        rows_beyond=found.beyond,
    )  # fmt: skip


def _fingerprint(loaded: Loaded) -> Fingerprint | None:
    """That of the files, in so little time that nobody waits; None for the built-in example, or files that are gone."""
    if not loaded.files:
        return None
    try:
        found = fingerprint([(Path(name).name, path) for name, path in loaded.files], whole=FINGERPRINTED)
    except DlcliError:
        return None
    return Fingerprint(**found, rows=loaded.data.rows, columns=len(loaded.columns))


def _row_weights(loaded: Loaded, result: Fit) -> RowWeights | None:
    """How rows counted, where they didn't each count once."""
    column, weighting, usable = loaded.beside.weights, loaded.plan.columns.weighting, loaded.usable
    if column is None and weighting.classes is None:
        return None
    return RowWeights(
        column=column,
        kind=("precision" if weighting.precision else "frequency") if column else None,
        total=usable.merged(usable.training_groups()).count if column else None,
        classes=result.class_weights,
    )


def _shown(loaded: Loaded, result: Fit) -> Shown:
    """The coefficients of all columns, against the baseline.

    They are compared in the units that they were trained in, where squares of errors have room.
    """
    target, model, verdict = loaded.data.schema.target, result.model, result.verdict
    levels = target.levels if target is not None else ()
    several = levels if len(levels) > 2 else ()
    found = Shown(several, model.intercept, model.slopes, verdict.covariance, verdict.std_errors)
    found = against(found, levels, loaded.inference.baseline)
    slopes, errors = expanded(loaded, found.slopes, found.errors)
    return replace(found, slopes=slopes, covariance=None, errors=errors)


def _spreads(loaded: Loaded) -> FloatArray:
    """Standard deviations (1 + d,) of the target and of all columns, on the training rows; where they are asked for."""
    data = loaded.data
    if not loaded.inference.standardized:
        return np.zeros(0)
    moments = data.merged(data.training_groups())
    found = np.sqrt(moments.diagonal / (moments.count - 1))
    if data.exponents is not None:
        found[1:] = np.ldexp(found[1:], data.exponents)
    return found


def _cross_validation(folds: list[dict[str, float]]) -> CrossValidation:
    """Each metric over the folds."""
    each = {name: [fold[name] for fold in folds] for name in folds[0]}
    return CrossValidation(
        folds=len(folds),
        metrics={
            name: Spread(mean=float(np.mean(values)), sd=_standard_deviation(values), each=values)
            for name, values in each.items()
        },
    )


def save(
    config: FitLinearConfig, loaded: Loaded, result: Fit, report: FitLinearReport, run: directory.RunDirectory
) -> None:
    """Write config, model and report. A diverged run gets no model."""
    run.write(directory.CONFIG, config.to_toml(run.path))
    if result.trace.last.status != "diverged":
        run.write(directory.MODEL, model_of(config, loaded, result, report).to_bytes())
    run.write(directory.REPORT, report.to_json() + "\n")


def model_of(config: FitLinearConfig, loaded: Loaded, result: Fit, report: FitLinearReport) -> LinearModel:
    """The model that is saved, in the units of the data. Raises DlcliError for coefficients beyond float64."""
    data = loaded.data
    settings: JsonObject = {
        "missing": config.missing,
        "intercept": config.intercept,
        "missing_value": list(config.missing_value),
    }
    if result.smearing is not None:
        settings["smearing"] = result.smearing
    settings |= {name: value for name, value in vars(loaded.beside).items() if value is not None}
    coefficients, _ = expanded(loaded, result.model.slopes, None)
    if beyond := np.flatnonzero(~np.isfinite(coefficients).all(axis=1)).tolist():
        name = printable(data.schema.encoded_names[beyond[0]])
        raise DlcliError(f"the coefficient of {name!r} is beyond float64", "multiply the column by a power of ten")
    fill = data.fill if data.exponents is None else np.ldexp(data.fill, data.exponents)
    return LinearModel(
        result.model.kind, coefficients, result.model.intercept, fill, data.schema.to_json(), settings,
        _uncertainty(loaded, result, report),
    )  # fmt: skip


def _uncertainty(loaded: Loaded, result: Fit, report: FitLinearReport) -> Uncertainty | None:
    """That of the saved coefficients, where the report has standard errors and there is one output."""
    covariance, how = result.verdict.covariance, report.summary.inference if report.summary else None
    likelihood = result.likelihood
    if covariance is None or how is None or likelihood is None or covariance.outputs > 1:
        return None
    known = Uncertainty.of(covariance, likelihood.dispersion or 0.0, how.df)
    return known.expanded(loaded.keep, len(loaded.data.schema.encoded_names), loaded.data.exponents)


def with_residuals(loaded: Loaded, result: Fit, report: FitLinearReport) -> FitLinearReport:
    """The report with the shape of the residuals of least squares, by one more pass over the rows trained on."""
    # Here, so that a fit without it takes not a moment longer.
    from dlcli.linear.diagnostics.residual_shape import residual_shape

    if result.model.kind != "mse" or result.trace.last.status == "diverged" or report.summary is None:
        return report
    intercept, slopes = float(result.model.intercept[0]), result.model.slopes[:, 0]
    precision = loaded.plan.columns.weighting.precision
    found = residual_shape(loaded.usable, intercept, slopes, frequency=not precision)
    return report.model_copy(update={"summary": report.summary.model_copy(update={"residuals": found})})


def draw_pictures(
    config: FitLinearConfig, loaded: Loaded, report: FitLinearReport, run: directory.RunDirectory
) -> None:  # fmt: skip
    """Write the pictures of the saved model, which take one more pass over the table."""
    # Here, so that a fit without pictures takes not a moment longer.
    from dlcli.linear.evaluation.of_fit import draw_fit
    from dlcli.linear.evaluation.pictures import About

    target, format = loaded.data.schema.target, config.plots
    assert target is not None
    if format != "none":
        about = About(loaded.data.schema.modeled, target.levels, format)
        draw_fit(
            run.path, loaded, report, about, lambda name, chart: run.write_chart(name, format, chart.to_bytes())
        )  # fmt: skip


def draw_charts(config: FitLinearConfig, result: Fit, report: FitLinearReport, run: directory.RunDirectory) -> None:
    """Write the chart of the loss curve, unless none is wanted."""
    if config.plots == "none" or result.curve is None:
        return
    title = f"{report.target}: {report.status} after {counted(report.steps, 'step')} ({report.reason})"
    saved = None if report.status == "diverged" else result.trace.kept.step
    chart = draw(result.curve, title=title, loss=loss_words(result.model.kind), saved=saved, format=config.plots)
    run.write_chart("loss", config.plots, chart.to_bytes())


def expanded(loaded: Loaded, slopes: FloatArray, errors: FloatArray | None) -> tuple[FloatArray, FloatArray | None]:
    """Coefficients (d, k) and standard errors (1 + d, k) of all columns; 0 and nan for those left out."""
    data, keep = loaded.data, loaded.keep
    d, k = len(data.schema.encoded_names), slopes.shape[1]
    coefficients = np.zeros((d, k))
    coefficients[keep] = slopes
    units = -data.exponents[:, None] if data.exponents is not None else 0
    with np.errstate(over="ignore"):
        coefficients = np.ldexp(coefficients, units)
        if errors is None:
            return coefficients, None
        every = np.full((1 + d, k), np.nan)
        every[0], every[1 + keep] = errors[0], errors[1:]
        every[1:] = np.ldexp(every[1:], units)
    return coefficients, every
