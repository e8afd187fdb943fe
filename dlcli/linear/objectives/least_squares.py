"""A least-squares problem as gradient descent sees it: A, b and the change of units, from moments."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.moments import Moments, mean_squared_error
from dlcli.linear.objectives.row_space import RowGram, row_modes


@dataclass(frozen=True)
class Standardizer:
    """The change from data columns x to training columns (x - shift) / scale; both of shape (d,)."""

    shift: FloatArray
    scale: FloatArray
    intercept: bool

    @classmethod
    def of(
        cls, mean: FloatArray, scatter_diagonal: FloatArray, count: float, intercept: bool, standardize: bool
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

    def of_data(self, intercept: FloatArray, coefficients: FloatArray) -> FloatArray:
        """Parameters (d [+ 1], k) of intercepts (k,) and coefficients (d, k) in the data's units."""
        slopes = coefficients * self.scale[:, None]
        return np.concatenate([(intercept + self.shift @ coefficients)[None], slopes]) if self.intercept else slopes

    def shifted(self, coefficients: FloatArray) -> FloatArray:
        """Sums (k,) of the sizes of what coefficients (d, k) add to the intercept."""
        total: FloatArray = np.abs(self.shift) @ np.abs(coefficients)
        return total

    @property
    def transform(self) -> FloatArray:
        """T of shape (p, p), p = d [+ 1], such that T theta is (intercept, coefficients) in the data's units."""
        T = np.diag(np.concatenate([[1.0], 1 / self.scale]))
        T[0, 1:] = -self.shift / self.scale
        return T if self.intercept else T[1:, 1:]


@dataclass(frozen=True)
class SpanUnits(Standardizer):
    """Where parameters are coordinates (r [+ 1],) in the span of rows: slopes are ``basis`` (d, r) times coordinates.

    ``shift`` and ``scale`` (r,) are those of the coordinates, ``columns`` those of the columns.
    """

    basis: FloatArray
    columns: Standardizer

    @classmethod
    def span(cls, basis: FloatArray, columns: Standardizer) -> "SpanUnits":
        """Coordinates as they are."""
        r = basis.shape[1]
        return cls(np.zeros(r), np.ones(r), columns.intercept, basis, columns)

    def to_data(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Intercepts (k,) and coefficients (d, k) in the data's units, of parameters (r [+ 1], k)."""
        first = int(self.intercept)
        return self.columns.to_data(np.concatenate([theta[:first], self.basis @ theta[first:]]))

    def of_data(self, intercept: FloatArray, coefficients: FloatArray) -> FloatArray:
        """Parameters (r [+ 1], k) of intercepts (k,) and coefficients (d, k): their part in the span."""
        first, theta = int(self.intercept), self.columns.of_data(intercept, coefficients)
        return np.concatenate([theta[:first], self.basis.T @ theta[first:]])

    def shifted(self, coefficients: FloatArray) -> FloatArray:
        """Sums (k,) of the sizes of what coefficients (d, k) add to the intercept."""
        return self.columns.shifted(coefficients)

    @property
    def transform(self) -> FloatArray:
        """T (d [+ 1], r [+ 1])."""
        slopes = self.basis / self.columns.scale[:, None]
        if not self.intercept:
            return slopes
        first = np.concatenate([[1.0], -self.columns.shift @ slopes])
        return np.concatenate([first[None], np.concatenate([np.zeros((len(slopes), 1)), slopes], axis=1)])


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
    def quadratic(self) -> tuple[FloatArray | RowGram, FloatArray, float]:
        """A (p, p), b (p,) and y'y/n, without the penalty."""
        if not self.moments.wide:
            return self._by_products
        B, target = self.design
        return RowGram(B), target @ B, float(target @ target)

    @cached_property
    def design(self) -> tuple[FloatArray, FloatArray]:
        """Of a wide table, rows B (m, p) and target (m,) with A = B'B, b = B'target and y'y/n = |target|^2."""
        B, target = self.centered_design
        m, u = self.moments, self.units
        mean = (m.mean[1:] - u.shift) / u.scale
        if not u.intercept:
            return B, target
        if np.array_equal(u.shift, m.mean[1:]):
            mean = np.zeros_like(mean)
        B = np.concatenate([np.zeros((len(B), 1)), B], axis=1)
        means = np.concatenate([[1.0], mean])
        return np.concatenate([B, means[None]]), np.concatenate([target, m.mean[:1]])

    @cached_property
    def centered_design(self) -> tuple[FloatArray, FloatArray]:
        """The same for the slopes alone, (m, d): what is left once the intercept is at its best, if there is one."""
        m, u = self.moments, self.units
        F = m.centered / np.sqrt(m.count)
        B = F[:, 1:] / u.scale
        if u.intercept:
            return B, F[:, 0]
        mean = (m.mean[1:] - u.shift) / u.scale
        return np.concatenate([B, mean[None]]), np.concatenate([F[:, 0], m.mean[:1]])

    @property
    def _by_products(self) -> tuple[FloatArray, FloatArray, float]:
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
        """Eigenvalues (r,), ascending, and eigenvectors (p, r) of A + l2 on the penalized; r = p but for a wide table.

        There are r of them in the span of its rows; all ``others`` are l2. Eigenvalues that float64 can't tell from 0
        are 0.
        """
        A, _, _ = self.quadratic
        if isinstance(A, RowGram):
            values, vectors = row_modes(A.B, self.l2, intercept=self.units.intercept)
        else:
            values, vectors = np.linalg.eigh(A + self.l2 * np.diag(self.penalized))
        floor = values[-1] * len(self.penalized) * np.finfo(np.float64).eps
        return np.where(values > floor, values, 0.0), vectors

    @property
    def others(self) -> int:
        """How many eigenvalues are l2 without being among the ``modes``."""
        return len(self.penalized) - len(self.modes[0])

    @property
    def trace(self) -> float:
        """The sum of A's eigenvalues, without the penalty."""
        A = self.quadratic[0]
        return A.trace() if isinstance(A, RowGram) else float(np.trace(A))

    def solved(self, right: FloatArray) -> FloatArray:
        """(A + l2 on the penalized)^-1 times ``right`` (p, k), without directions that the data don't determine."""
        values, vectors = self.modes
        live, inside = values > 0, vectors.T @ right
        found: FloatArray = vectors[:, live] @ (inside[live] / values[live][:, None])
        return found + (right - vectors @ inside) / self.l2 if self.others and self.l2 else found

    @property
    def resolution(self) -> float:
        """The eigenvalue below which float64 sees none."""
        largest = max(self.largest_eigenvalue, float(np.finfo(np.float64).tiny))
        return float(largest * len(self.penalized) * np.finfo(np.float64).eps)

    @property
    def largest_eigenvalue(self) -> float:
        """l_max, the curvature that limits the learning rate."""
        return float(self.modes[0][-1])

    @property
    def smallest_eigenvalue(self) -> float:
        """The smallest eigenvalue above 0."""
        values = self.modes[0]
        smallest = float(values[values > 0][0]) if np.any(values > 0) else 0.0
        return min(smallest, self.l2) if self.others and self.l2 else smallest

    @property
    def condition_number(self) -> float:
        """l_max / l_min; infinite when columns depend on each other."""
        values = self.modes[0]
        smallest = min(values[0], self.l2) if self.others else values[0]
        return float(values[-1] / smallest) if smallest > 0 else float("inf")

    @property
    def rank(self) -> int:
        """How many directions the data determine."""
        return int(np.count_nonzero(self.modes[0])) + (self.others if self.l2 else 0)

    def loss(self, theta: FloatArray, moments: Moments | None = None) -> float:
        """Mean squared error at theta (p,), on the training rows or on those of other ``moments``."""
        intercept, coefficients = self.units.to_data(theta[:, None])
        return mean_squared_error(moments or self.moments, float(intercept[0]), coefficients[:, 0])
