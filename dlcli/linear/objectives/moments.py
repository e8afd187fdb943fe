"""Means and centered cross-products of a table, gathered in one pass over chunks of rows.

All that least squares needs of the data is A = X'X/n, b = X'y/n and y'y/n. They are kept centered, and chunks are
merged by Chan, Golub and LeVeque's update (1983), which loses no digits to large means.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray

Gram = Callable[[FloatArray], FloatArray]


def numpy_gram(Z: FloatArray) -> FloatArray:
    """Z'Z for Z of shape (n, d); BLAS computes one triangle and mirrors it."""
    return Z.T @ Z


@dataclass(frozen=True)
class Moments:
    """count rows; mean (d,); scatter (d, d) = sum (z - mean)(z - mean)'."""

    count: int
    mean: FloatArray
    scatter: FloatArray

    @classmethod
    def empty(cls, d: int = 0) -> Self:
        """Moments of no rows."""
        return cls(0, np.zeros(d), np.zeros((d, d)))

    @classmethod
    def of(cls, Z: FloatArray, gram: Gram = numpy_gram) -> Self:
        """Moments of the rows of Z, of shape (n, d). Z is overwritten (centered)."""
        if len(Z) == 0:
            return cls.empty(Z.shape[1])
        mean = Z.mean(axis=0)
        Z -= mean
        # A second pass over the mean takes out its rounding error.
        shift = Z.mean(axis=0)
        Z -= shift
        return cls(len(Z), mean + shift, gram(Z))

    def grown(self, d: int) -> "Moments":
        """The same rows with new columns appended that were 0 in all of them."""
        old = len(self.mean)
        if d == old:
            return self
        mean, scatter = np.zeros(d), np.zeros((d, d))
        mean[:old], scatter[:old, :old] = self.mean, self.scatter
        return Moments(self.count, mean, scatter)

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both sets of rows."""
        d = max(len(self.mean), len(other.mean))
        a, b = self.grown(d), other.grown(d)
        count = a.count + b.count
        if a.count == 0 or b.count == 0:
            return a if b.count == 0 else b
        delta = b.mean - a.mean
        mean = a.mean + delta * (b.count / count)
        scatter = a.scatter + b.scatter + np.outer(delta, delta) * (a.count * b.count / count)
        return Moments(count, mean, scatter)

    def select(self, columns: IntArray) -> "Moments":
        """Moments of some columns, in the given order."""
        return Moments(self.count, self.mean[columns], self.scatter[np.ix_(columns, columns)])

    def spread(self, columns: IntArray, d: int) -> "Moments":
        """The same rows with these columns in the places ``columns`` of d, the others 0."""
        mean, scatter = np.zeros(d), np.zeros((d, d))
        mean[columns], scatter[np.ix_(columns, columns)] = self.mean, self.scatter
        return Moments(self.count, mean, scatter)

    def mapped(self, T: FloatArray) -> "Moments":
        """Moments of T z for each row z, with T of shape (e, d)."""
        return Moments(self.count, T @ self.mean, T @ self.scatter @ T.T)


def mean_squared_error(moments: Moments, intercept: float, coefficients: FloatArray) -> float:
    """Mean of (y - intercept - x'coefficients)^2 over the rows behind ``moments``, whose column 0 is y."""
    v = np.concatenate([[1.0], -coefficients])
    with np.errstate(over="ignore", invalid="ignore"):  # of parameters that diverge
        bias = float(v @ moments.mean) - intercept
        return float(max(v @ moments.scatter @ v / moments.count, 0.0)) + bias * bias
