"""Quantile regression: scikit-learn's linear programs, and the errors that R's quantreg makes of three of them."""

from typing import Any

import numpy as np
from scipy import stats
from sklearn.linear_model import QuantileRegressor

from tests.audit.campaign.estimate import Estimate
from tests.audit.campaign.problem import Problem, Sample


def solved(sample: Sample, q: float, alpha: float = 0.0) -> np.ndarray:
    """Coefficients (p,) of the design."""
    slopes = sample.design[:, int(sample.intercept) :]
    model = QuantileRegressor(quantile=q, alpha=alpha, solver="highs", fit_intercept=sample.intercept)
    model.fit(slopes, sample.y, sample_weight=sample.weights)
    return np.concatenate([[model.intercept_], model.coef_]) if sample.intercept else model.coef_


def bandwidth(n: float, q: float) -> float:
    """R's bandwidth.rq(q, n, hs = TRUE), halved as summary.rq does."""
    z = stats.norm.ppf(q)
    density = stats.norm.pdf(z)
    h = n ** (-1 / 3) * stats.norm.ppf(0.975) ** (2 / 3) * (1.5 * density**2 / (2 * z**2 + 1)) ** (1 / 3)
    while q - h < 0 or q + h > 1:
        h /= 2
    return h


def expected(sample: Sample, q: float) -> dict[str, Any]:
    """Every number that there is, by summary(rq(...), se = "nid")."""
    Z, theta = sample.design, solved(sample, q)
    weights = np.ones(len(Z)) if sample.weights is None else sample.weights
    n = weights.sum()
    h = bandwidth(n, q)
    apart = Z @ (solved(sample, q + h) - solved(sample, q - h))
    f = np.maximum(0, 2 * h / (apart - np.sqrt(np.finfo(float).eps)))
    inverse = np.linalg.inv((weights * f * Z.T) @ Z)
    covariance = q * (1 - q) * inverse @ ((weights * Z.T) @ Z) @ inverse
    estimate = Estimate(sample, theta[:, None], covariance, n - Z.shape[1])
    errors = sample.y - Z @ theta
    pinball = np.maximum(q * errors, (q - 1) * errors)
    return estimate.numbers() | {
        "rows": n, "df_residual": n - Z.shape[1], "metrics.pinball": np.average(pinball, weights=weights),
        "metrics.mae": np.average(np.abs(errors), weights=weights),
        "metrics.rmse": np.sqrt(np.average(errors**2, weights=weights)),
    }  # fmt: skip


def problem(kind: str, name: str, sample: Sample, q: float, real: str | None = None) -> Problem:
    """The quantile q of a sample."""
    words = [*sample.words(), "--loss", f"quantile:{q}"]
    return Problem(kind, name, sample.columns(), words, lambda: expected(sample, q), 1e-6, real)


def lasso_problem(kind: str, name: str, sample: Sample, q: float, l1: float) -> Problem:
    """The same with a penalty, whose coefficients alone are known."""
    words = [*sample.words(), "--loss", f"quantile:{q}", "--l1", str(l1)]

    def known():
        theta = solved(sample, q, l1)
        return {"value": (sample.to_data @ np.where(np.abs(theta) < 1e-11, 0.0, theta))[:, None]}

    return Problem(kind, name, sample.columns(), words, known, 1e-6)
