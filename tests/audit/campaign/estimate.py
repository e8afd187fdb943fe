"""From an estimate and its covariance to the numbers of a summary, with p-values by mpmath, exact in the tails."""

from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from scipy import stats

from tests.audit.campaign.problem import Sample


def two_sided(statistic: float, df: float | None) -> float:
    """P(|T| >= |statistic|), by 40 digits."""
    with mpmath.workdps(40):
        t = mpmath.mpf(float(statistic))
        if df is None:
            return float(mpmath.erfc(abs(t) / mpmath.sqrt(2)))
        return f_tail(float(t) ** 2, 1, df)


def f_tail(value: float, df: float, df_residual: float) -> float:
    """P(F >= value)."""
    with mpmath.workdps(40):
        x = mpmath.mpf(df_residual) / (df_residual + df * mpmath.mpf(float(value)))
        return float(mpmath.betainc(mpmath.mpf(df_residual) / 2, mpmath.mpf(df) / 2, 0, x, regularized=True))


def chi_square_tail(value: float, df: float) -> float:
    """P(X >= value)."""
    with mpmath.workdps(40):
        return float(mpmath.gammainc(mpmath.mpf(df) / 2, mpmath.mpf(float(value)) / 2, regularized=True))


@dataclass(frozen=True)
class Estimate:
    """Coefficients (p, k) of a sample's design, and their covariance (k p, k p), output by output.

    ``df`` are the degrees of freedom of t; None: z.
    """

    sample: Sample
    theta: np.ndarray
    covariance: np.ndarray
    df: float | None

    def numbers(self) -> dict[str, Any]:
        """Those of each coefficient (p, k)."""
        T, k = self.sample.to_data, self.theta.shape[1]
        value = T @ self.theta
        every = np.kron(np.eye(k), T)
        error = np.sqrt(np.diag(every @ self.covariance @ every.T)).reshape(k, -1).T
        statistic = value / error
        p = np.array([[two_sided(v, self.df) for v in row] for row in statistic])
        level = 0.5 + self.sample.confidence / 2
        away = error * (stats.norm.ppf(level) if self.df is None else stats.t.ppf(level, self.df))
        return {
            "value": value, "std_error": error, "statistic": statistic, "p": p, "low": value - away,
            "high": value + away,
        }  # fmt: skip

    def wald(self) -> dict[str, Any]:
        """Wald's test of all slopes."""
        p, k = self.theta.shape
        slopes = np.tile(np.arange(p) >= self.sample.intercept, k)
        theta = self.theta.T.ravel()[slopes]
        square = float(theta @ np.linalg.solve(self.covariance[np.ix_(slopes, slopes)], theta))
        if self.df is None:
            return whole_test("Wald", square, len(theta))
        return whole_test("Wald", square / len(theta), len(theta), self.df)


def whole_test(kind: str, value: float, df: int, df_residual: float | None = None) -> dict[str, Any]:
    """A test of all slopes: an F, or a chi-square."""
    p = chi_square_tail(value, df) if df_residual is None else f_tail(value, df, df_residual)
    return {
        "test.kind": kind, "test.value": value, "test.df": df, "test.df_residual": df_residual, "test.p": p,
    }  # fmt: skip
