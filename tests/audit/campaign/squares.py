"""Least squares by statsmodels: OLS, WLS, White's errors and clusters."""

from typing import Any

import numpy as np
import statsmodels.api as sm

from tests.audit.campaign.estimate import Estimate, whole_test
from tests.audit.campaign.problem import Problem, Sample


def expected(sample: Sample) -> dict[str, Any]:
    """Every number of the summary; of frequencies from the rows repeated."""
    rows = sample.repeated
    design = with_units_of(sample, rows)
    y = rows.y - (0 if rows.offset is None else rows.offset)
    model = sm.OLS(y, design) if rows.weights is None else sm.WLS(y, design, weights=rows.weights)
    if rows.groups is not None:
        result = model.fit(cov_type="cluster", cov_kwds={"groups": rows.groups}, use_t=True)
        df = len(np.unique(rows.groups)) - 1
    elif sample.robust != "classical":
        result, df = model.fit(cov_type=sample.robust, use_t=True), model.df_resid
    else:
        result, df = model.fit(), model.df_resid
    estimate = Estimate(sample, result.params[:, None], result.cov_params(), df)
    classical = rows.groups is None and sample.robust == "classical"
    slopes = design.shape[1] - sample.intercept
    total = result.centered_tss if sample.intercept else result.uncentered_tss
    f_value = (total - result.ssr) / slopes / result.scale
    test = whole_test("F", f_value, slopes, result.df_resid) if classical else estimate.wald()
    if classical and sample.intercept:
        np.testing.assert_allclose(f_value, result.fvalue, rtol=1e-7)
    n = len(rows.y)
    weights = np.ones(n) if rows.weights is None else rows.weights
    residuals = y - result.fittedvalues
    null = (n * np.log(result.ssr / n) - n * np.log(total / n)) / 2 + result.llf
    return estimate.numbers() | test | {
        "r2": result.rsquared, "residual_sd": np.sqrt(result.scale), "r2_adjusted": result.rsquared_adj, "rows": n,
        "df_residual": n - design.shape[1], "rank": design.shape[1], "likelihood.log_likelihood": result.llf,
        "likelihood.null_log_likelihood": null,
        "likelihood.aic": result.aic, "likelihood.bic": result.bic, "likelihood.deviance": result.ssr,
        "likelihood.null_deviance": total, "likelihood.dispersion": result.scale,
        "metrics.rmse": np.sqrt(np.average(residuals**2, weights=weights)),
        "metrics.r2": result.rsquared,
    }  # fmt: skip


def with_units_of(sample: Sample, rows: Sample) -> np.ndarray:
    """The design of other rows in the units of a sample."""
    Z = (rows.X - sample.shift) / sample.scale
    return np.column_stack([np.ones(len(Z)), Z]) if sample.intercept else Z


def problem(kind: str, name: str, sample: Sample, *words: str, real: str | None = None) -> Problem:
    """Least squares of a sample."""
    return Problem(
        kind, name, sample.columns(), [*sample.words(), *words], lambda: expected(sample), real=real
    )  # fmt: skip
