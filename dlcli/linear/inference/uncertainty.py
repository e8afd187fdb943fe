"""How uncertain predictions are: what a saved model keeps for it."""

from dataclasses import dataclass, replace

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.inference.covariance import Covariance
from dlcli.linear.inference.tails import quantile


@dataclass(frozen=True)
class Uncertainty:
    """The covariance of a model's coefficients as ``factor`` (1 + d, r) about ``center`` (d,): see ``Covariance``.

    ``dispersion`` is the residual variance of numbers; ``df`` are the degrees of freedom of t, None for the normal.
    """

    factor: FloatArray
    center: FloatArray
    dispersion: float
    df: float | None

    @classmethod
    def of(cls, covariance: Covariance, dispersion: float, df: float | None) -> "Uncertainty":
        """That of a fit with one output."""
        return cls(covariance.factor(), covariance.center, dispersion, df)

    def expanded(self, keep: IntArray, columns: int, exponents: IntArray | None) -> "Uncertainty":
        """The same among so many columns, of which these are those at the places ``keep``.

        ``exponents`` (columns,): powers of two that columns were divided by.
        """
        factor, center = np.zeros((1 + columns, self.factor.shape[1])), np.zeros(columns)
        factor[0], factor[1 + keep], center[keep] = self.factor[0], self.factor[1:], self.center
        if exponents is not None:
            factor[1:], center = np.ldexp(factor[1:], -exponents[:, None]), np.ldexp(center, exponents)
        return replace(self, factor=factor, center=center)

    def std_errors(self, X: FloatArray) -> FloatArray:
        """Standard errors (n,) of what a model says of the rows X (n, d), on the scale of its scores."""
        along = (X - self.center) @ self.factor[1:] + self.factor[0]
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", along, along)))

    def around(self, scores: FloatArray, X: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
        """The ends (n,) of intervals of the mean, about the model's scores (n,) of the rows X (n, d)."""
        away = quantile(confidence, self.df) * self.std_errors(X)
        return scores - away, scores + away

    def of_new(self, scores: FloatArray, X: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
        """The same of intervals of new observations."""
        away = quantile(confidence, self.df) * np.sqrt(self.std_errors(X) ** 2 + self.dispersion)
        return scores - away, scores + away
