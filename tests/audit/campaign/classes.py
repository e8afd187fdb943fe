"""Softmax regression against a baseline, by statsmodels' MNLogit; of frequencies, by the rows repeated."""

import warnings
from typing import Any

import numpy as np
import statsmodels.api as sm

from tests.audit.campaign.estimate import Estimate, whole_test
from tests.audit.campaign.problem import Problem, Sample
from tests.audit.campaign.squares import with_units_of


def expected(sample: Sample) -> dict[str, Any]:
    """Every number of the summary; the targets are 0, 1, ..., and 0 is the baseline."""
    rows = sample.repeated
    design, y = with_units_of(sample, rows), rows.y.astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sm.MNLogit(y, design)
        result = model.fit(disp=0, method="newton", tol=1e-14, maxiter=100)
    theta, bread, chances = np.asarray(result.params), result.cov_params(), result.predict()
    k, p, n = theta.shape[1], design.shape[1], len(y)
    classical = rows.groups is None and sample.robust == "classical"
    covariance = bread
    if not classical:
        errors = np.eye(k + 1)[y][:, 1:] - chances[:, 1:]
        scores, factor = (errors[:, :, None] * design[:, None, :]).reshape(n, -1), 1.0
        if rows.groups is not None:
            _, codes = np.unique(rows.groups, return_inverse=True)
            sums = np.zeros((codes.max() + 1, k * p))
            np.add.at(sums, codes, scores)
            scores, factor = sums, len(sums) / (len(sums) - 1) * (n - 1) / (n - k * p)
        elif sample.robust == "HC1":
            factor = n / (n - k * p)
        covariance = bread @ scores.T @ scores @ bread * factor
    estimate = Estimate(sample, theta, covariance, None)
    counts = np.bincount(y)
    null = float(np.sum(counts * np.log(counts / n))) if sample.intercept else -n * np.log(k + 1)
    slopes = k * (p - sample.intercept)
    test = whole_test("likelihood ratio", 2 * (result.llf - null), slopes) if classical else estimate.wald()
    if classical and sample.intercept:
        np.testing.assert_allclose(null, result.llnull, rtol=1e-9)
    return estimate.numbers() | test | {
        "rows": n, "rank": p, "df_residual": n - k * p, "likelihood.log_likelihood": result.llf,
        "likelihood.null_log_likelihood": null, "likelihood.aic": 2 * k * p - 2 * result.llf,
        "likelihood.bic": np.log(n) * k * p - 2 * result.llf, "likelihood.deviance": -2 * result.llf,
        "likelihood.null_deviance": -2 * null, "likelihood.dispersion": 1.0, "metrics.log_loss": -result.llf / n,
        "metrics.accuracy": np.mean(chances.argmax(axis=1) == y),
    }  # fmt: skip


def problem(kind: str, name: str, sample: Sample, *words: str, real: str | None = None) -> Problem:
    """Softmax regression of a sample."""
    labels = np.array(["a", "b", "c", "d", "e", "f", "g", "h"])[sample.y.astype(int)]
    said = [*sample.words(), "--baseline", "a", *words]
    return Problem(kind, name, sample.columns() | {"y": labels}, said, lambda: expected(sample), real=real)
