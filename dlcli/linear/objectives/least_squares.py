"""A least-squares problem as gradient descent sees it: A, b and the change of units, from moments."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.moments import Moments, mean_squared_error


@dataclass(frozen=True)
class Standardizer:
    """The change from data columns x to training columns (x - shift) / scale; both of shape (d,)."""

    shift: FloatArray
    scale: FloatArray
    intercept: bool

    @classmethod
    def of(
        cls, mean: FloatArray, scatter_diagonal: FloatArray, count: int, intercept: bool, standardize: bool
    ) -> "Standardizer":
        """Mean 0 and standard deviation 1 (without intercept: root mean square 1), or no change at all."""
        d = len(mean)
        if not standardize:
            return cls(np.zeros(d), np.ones(d), intercept)
        variance = scatter_diagonal / count
        scale = np.sqrt(variance if intercept else variance + mean**2)
        scale = np.where(scale > 0, scale, 1.0)
        return cls(mean.copy() if intercept else np.zeros(d), scale, intercept)

    def to_data(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Intercepts (k,) and coefficients (d, k) in the data's units, of parameters (d [+ 1], k)."""
        slopes = theta[1:] if self.intercept else theta
        coefficients = slopes / self.scale[:, None]
        first = theta[0] if self.intercept else np.zeros(theta.shape[1])
        return first - self.shift @ coefficients, coefficients

    @property
    def transform(self) -> FloatArray:
        """T of shape (p, p), p = d [+ 1], such that T theta is (intercept, coefficients) in the data's units."""
        T = np.diag(np.concatenate([[1.0], 1 / self.scale]))
        T[0, 1:] = -self.shift / self.scale
        return T if self.intercept else T[1:, 1:]


@dataclass(frozen=True)
class LeastSquares:
    """Minimize 1/2 theta'A theta - b'theta + l2/2 sum of the penalized theta^2 (half the mean squared error).

    ``moments`` holds y in column 0. The parameters theta, of shape (p,), p = d [+ 1], are those of the training
    columns, the intercept first.
    """

    moments: Moments
    units: Standardizer
    l2: float = 0.0

    @cached_property
    def penalized(self) -> FloatArray:
        """1.0 where penalties apply, 0.0 for the intercept; of shape (p,)."""
        p = len(self.moments.mean) - 1
        return np.concatenate([[0.0], np.ones(p)]) if self.units.intercept else np.ones(p)

    @cached_property
    def quadratic(self) -> tuple[FloatArray, FloatArray, float]:
        """A (p, p), b (p,) and y'y/n, without the penalty."""
        m, u = self.moments, self.units
        mean = (m.mean[1:] - u.shift) / u.scale
        if u.intercept and np.array_equal(u.shift, m.mean[1:]):
            mean = np.zeros_like(mean)
        y_mean = float(m.mean[0])
        A = m.scatter[1:, 1:] / m.count / np.outer(u.scale, u.scale) + np.outer(mean, mean)
        b = m.scatter[1:, 0] / m.count / u.scale + mean * y_mean
        if u.intercept:
            A = np.block([[np.ones((1, 1)), mean[None, :]], [mean[:, None], A]])
            b = np.concatenate([[y_mean], b])
        return A, b, float(m.scatter[0, 0]) / m.count + y_mean**2

    @cached_property
    def modes(self) -> tuple[FloatArray, FloatArray]:
        """Eigenvalues (p,), ascending, and eigenvectors (p, p) of A + l2 on the penalized.

        Eigenvalues that float64 can't tell from 0 are 0.
        """
        A, _, _ = self.quadratic
        values, vectors = np.linalg.eigh(A + self.l2 * np.diag(self.penalized))
        floor = values[-1] * len(values) * np.finfo(np.float64).eps
        return np.where(values > floor, values, 0.0), vectors

    def solved(self, right: FloatArray) -> FloatArray:
        """(A + l2 on the penalized)^-1 times ``right`` (p, k), without directions that the data don't determine."""
        values, vectors = self.modes
        live = values > 0
        found: FloatArray = vectors[:, live] @ ((vectors[:, live].T @ right) / values[live][:, None])
        return found

    @property
    def resolution(self) -> float:
        """The eigenvalue below which float64 sees none."""
        values = self.modes[0]
        return float(max(values[-1], np.finfo(np.float64).tiny) * len(values) * np.finfo(np.float64).eps)

    @property
    def largest_eigenvalue(self) -> float:
        """l_max, the curvature that limits the learning rate."""
        return float(self.modes[0][-1])

    @property
    def smallest_eigenvalue(self) -> float:
        """The smallest eigenvalue above 0."""
        values = self.modes[0]
        return float(values[values > 0][0]) if np.any(values > 0) else 0.0

    @property
    def condition_number(self) -> float:
        """l_max / l_min; infinite when columns depend on each other."""
        values = self.modes[0]
        with np.errstate(divide="ignore"):
            return float(values[-1] / values[0]) if values[0] > 0 else float("inf")

    @property
    def rank(self) -> int:
        """How many directions the data determine."""
        return int(np.count_nonzero(self.modes[0]))

    def loss(self, theta: FloatArray, moments: Moments | None = None) -> float:
        """Mean squared error at theta (p,), on the training rows or on those of other ``moments``."""
        intercept, coefficients = self.units.to_data(theta[:, None])
        return mean_squared_error(moments or self.moments, float(intercept[0]), coefficients[:, 0])

    def covariance(self, rss: float) -> FloatArray:
        """Covariance of (intercept, coefficients) in the data's units, of shape (p, p): s^2 (X'X)^-1."""
        values, vectors = self.modes
        inverse = (vectors * np.where(values > 0, 1 / np.where(values > 0, values, 1), 0)) @ vectors.T
        n = self.moments.count
        T = self.units.transform
        return T @ inverse @ T.T * (rss / max(n - self.rank, 1) / n)
