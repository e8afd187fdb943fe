"""The summary of a fit for its report: what can be said of it, and no more."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.inference.contrasts import Shown
from dlcli.linear.inference.hypotheses import Overall, Tested, f_test, likelihood_ratio, tested, wald
from dlcli.linear.inference.settings import InferenceSettings
from dlcli.linear.losses.families import is_dispersed
from dlcli.linear.objectives.loss import of_huber, of_quantile
from dlcli.linear.objectives.moments import whole
from dlcli.linear.result import Fit
from dlcli.reports.inference import ClassSummary, Inference, Likelihood, OverallTest, Summary
from dlcli.tables.table import Schema


@dataclass(frozen=True)
class Summarized:
    """What a report says: coefficients as they are ``shown``, their ``tests``, standardized slopes, the summary."""

    shown: Shown
    tests: Tested | None
    standardized: FloatArray | None
    summary: Summary


def summarize(schema: Schema, fit: Fit, shown: Shown, settings: InferenceSettings, spreads: FloatArray) -> Summarized:
    """The summary of a fit, whose coefficients of all columns are ``shown``.

    ``spreads`` (1 + d,) are the standard deviations of y and these, where slopes are to be standardized.
    """
    assert schema.target is not None
    levels = schema.target.levels
    df, covariance = _degrees(fit, settings), _covariance(fit, settings)
    tests = None
    if shown.errors is not None:
        tests = tested(np.vstack([shown.intercept, shown.slopes]), shown.errors, df, settings.confidence)
    standardized = _standardized(shown.slopes, spreads, classes=bool(levels)) if settings.standardized else None
    texts = {column.name: len(column.levels) for column in schema.features if column.kind == "text"}
    how = None
    if tests is not None:
        how = Inference(
            statistic="t" if df is not None else "z", df=df, confidence=settings.confidence, covariance=covariance,
            cluster=settings.clusters.name if settings.clusters is not None else None, clusters=fit.clusters,
        )  # fmt: skip
    return Summarized(shown, tests, standardized, _summary(fit, how, _classes(fit, levels, settings.baseline), texts))


def _covariance(fit: Fit, settings: InferenceSettings) -> str:
    if of_quantile(fit.model.kind):
        return "nid"
    return "H1" if of_huber(fit.model.kind) else settings.covariance


def _degrees(fit: Fit, settings: InferenceSettings) -> float | None:
    """Degrees of freedom of t, of clusters one less than there are; None for z."""
    if fit.likelihood is None or not (is_dispersed(fit.model.kind) or of_quantile(fit.model.kind)):
        return None
    clusters = fit.clusters if settings.clusters is not None else None
    return float(fit.likelihood.df_residual if clusters is None else clusters - 1)


def _summary(
    fit: Fit, how: Inference | None, classes: ClassSummary | None, texts: dict[str, int]
) -> Summary:  # fmt: skip
    found = fit.likelihood
    assert found is not None
    outputs = 1 if fit.counts is None else len(fit.counts) - 1
    optimal, squares = fit.verdict.optimal, fit.model.kind == "mse"
    r2 = fit.metrics["train"].get("r2")
    adjusted = None
    if optimal and squares and r2 is not None and found.df_residual > 0:
        adjusted = 1 - (1 - r2) * (found.rows - found.null_parameters) / found.df_residual
    test = None
    if how is not None and how.covariance != "classical":
        assert fit.verdict.covariance is not None
        test = wald(fit.model.slopes, fit.verdict.covariance, how.df)
    elif optimal:
        test = f_test(found) if is_dispersed(fit.model.kind) else likelihood_ratio(found)
    return Summary(
        rows=found.rows,
        rank=found.parameters // outputs,
        df_residual=max(found.df_residual, 0),
        r2_adjusted=adjusted,
        inference=how,
        test=_test(test),
        likelihood=_likelihood(fit) if optimal else None,
        classes=classes,
        levels=texts,
        condition_number_at_least=fit.condition_at_least,
    )


def _test(test: Overall | None) -> OverallTest | None:
    if test is None:
        return None
    return OverallTest.model_validate(vars(test))


def _likelihood(fit: Fit) -> Likelihood:
    found = fit.likelihood
    assert found is not None
    return Likelihood(
        log_likelihood=found.log_likelihood, null_log_likelihood=found.null_log_likelihood, aic=found.aic,
        bic=found.bic, deviance=found.deviance, null_deviance=found.null_deviance,
        dispersion=float("nan") if found.dispersion is None else found.dispersion, pearson=found.pearson,
    )  # fmt: skip


def _classes(fit: Fit, levels: tuple[str, ...], baseline: str | None) -> ClassSummary | None:
    if fit.counts is None:
        return None
    counts = fit.counts
    most = int(np.argmax(counts))
    if len(levels) == 2:
        baseline = baseline or levels[0]
        other = levels[1] if baseline == levels[0] else levels[0]
        modeled = f"log-odds of {other} against {baseline}"
    elif baseline is not None:
        modeled = f"log-odds of each class against {baseline}"
    else:
        modeled = "log-odds of each class against the geometric mean of all: coefficients sum to 0 over the classes"
    return ClassSummary(
        modeled=modeled,
        baseline=baseline,
        majority=levels[most],
        majority_accuracy=float(counts[most] / counts.sum()),
        counts=dict(zip(levels, map(whole, counts.tolist()), strict=True)),
    )


def _standardized(slopes: FloatArray, spreads: FloatArray, *, classes: bool) -> FloatArray:
    """Slopes (1 + d, k) of columns of standard deviation 1, and of such a target of numbers; nan for the intercept."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = slopes * spreads[1:, None] / (1.0 if classes else spreads[0])
    return np.vstack([np.full((1, slopes.shape[1]), np.nan), found])
