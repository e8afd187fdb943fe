"""Means and centered cross-products of a table, gathered in one pass over chunks of rows.

All that least squares needs of the data is A = X'X/n, b = X'y/n and y'y/n. They are kept centered, and chunks are
merged by Chan, Golub and LeVeque's update (1983), which loses no digits to large means.

A table of many columns and fewer rows is smaller than the products of its columns with each other: then the rows
themselves are kept, and the products are never formed (Hastie and Tibshirani 2004, "Efficient quadratic regularization
for expression arrays").
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.room import check_products
from dlcli.linear.objectives.sparse import sparse_columns, sparse_products

Gram = Callable[[FloatArray], FloatArray]
MANY_COLUMNS = 500  # up to which products of columns cost next to nothing


def numpy_gram(Z: FloatArray) -> FloatArray:
    """Z'Z for Z of shape (n, d); BLAS computes one triangle and mirrors it."""
    return Z.T @ Z


@dataclass(frozen=True)
class Weighted:
    """Of rows with weights how many there are, and the sum of the ``logs`` of their weights."""

    rows: int
    logs: float

    @classmethod
    def of(cls, weights: FloatArray) -> Self:
        """Of weights (n,)."""
        return cls(len(weights), float(np.log(weights).sum()))


@dataclass(frozen=True)
class Moments:
    """count rows; mean (d,); scatter (d, d) = sum (z - mean)(z - mean)'.

    With weights of rows all sums are weighted: then ``count`` is the sum of the weights, and ``weighted`` knows how
    many rows there are. ``products`` is the scatter, or None where ``rows``, blocks (m, d) of the table itself (with
    their ``weights`` (m,), if they have any), stand in its place (``wide``): the smaller of the two. What can be had
    without the scatter is to be asked for by name.
    """

    count: float
    mean: FloatArray
    products: FloatArray | None
    rows: tuple[FloatArray, ...] = ()
    weights: tuple[FloatArray, ...] = ()
    weighted: Weighted | None = None

    @property
    def number(self) -> int:
        """How many rows there are, whatever they weigh."""
        return int(self.count) if self.weighted is None else self.weighted.rows

    @classmethod
    def empty(cls, d: int = 0) -> Self:
        """Moments of no rows."""
        return cls(0, np.zeros(d), None if d > MANY_COLUMNS else np.zeros((d, d)))

    @classmethod
    def of(cls, Z: FloatArray, gram: Gram = numpy_gram, weights: FloatArray | None = None) -> Self:
        """Moments of the rows of Z, of shape (n, d), with ``weights`` (n,). Z is overwritten (centered), or kept."""
        n, d = Z.shape
        if n == 0:
            return cls.empty(d)
        if weights is not None:
            return cls._of_weighted(Z, weights, gram)
        mean = Z.mean(axis=0)
        if is_wide(n, d):
            return cls(n, mean + (Z - mean).mean(axis=0), None, (Z,))
        return cls(n, *_summed(Z, gram, None))

    @classmethod
    def _of_weighted(cls, Z: FloatArray, weights: FloatArray, gram: Gram) -> Self:
        n, d = Z.shape
        total = whole(float(weights.sum()))
        if is_wide(n, d):
            mean = weights @ Z / total
            return cls(total, mean + weights @ (Z - mean) / total, None, (Z,), (weights,), Weighted.of(weights))
        return cls(total, *_summed(Z, gram, weights), weighted=Weighted.of(weights))

    @property
    def wide(self) -> bool:
        """Whether the rows stand in place of the scatter."""
        return self.products is None

    @cached_property
    def centered(self) -> FloatArray:
        """Of a wide table, rows less their mean, times the roots of their weights: F (n, d) with F'F = scatter."""
        if not self.rows:
            return np.zeros((0, len(self.mean)))
        centered: FloatArray = np.concatenate(self.rows) - self.mean
        if self.weights:
            centered *= np.sqrt(np.concatenate(self.weights))[:, None]
        return centered

    @property
    def scatter(self) -> FloatArray:
        """Sum of (z - mean)(z - mean)', (d, d)."""
        return self.products if self.products is not None else self.centered.T @ self.centered

    @cached_property
    def diagonal(self) -> FloatArray:
        """The diagonal of the scatter, (d,)."""
        if self.products is not None:
            return np.diag(self.products)
        return np.asarray(np.einsum("ij,ij->j", self.centered, self.centered))

    def form(self, v: FloatArray) -> float:
        """v'(scatter)v for v (d,)."""
        if self.products is not None:
            return float(v @ self.products @ v)
        along = self.centered @ v
        return float(along @ along)

    def grown(self, d: int) -> "Moments":
        """The same rows with new columns appended that were 0 in all of them."""
        old = len(self.mean)
        if d == old:
            return self
        return self.spread(np.arange(old), d)

    def merged(self, other: "Moments") -> "Moments":
        """Moments of both sets of rows."""
        d = max(len(self.mean), len(other.mean))
        a, b = self.grown(d), other.grown(d)
        if a.count == 0 or b.count == 0:
            return a if b.count == 0 else b
        count, weighted = a.count + b.count, None
        if a.weighted is not None or b.weighted is not None:
            count, weighted = whole(count), _both(a, b)
        delta = b.mean - a.mean
        mean = a.mean + delta * (b.count / count)
        if a.wide and b.wide and is_wide(a.number + b.number, d):
            return Moments(count, mean, None, a.rows + b.rows, a.weights + b.weights, weighted)
        a, b = a.with_scatter(), b.with_scatter()
        scatter = a.scatter + b.scatter + np.outer(delta, delta) * (a.count * b.count / count)
        return Moments(count, mean, scatter, weighted=weighted)

    def with_scatter(self) -> "Moments":
        """The same rows with the products of their columns."""
        if not self.wide:
            return self
        weights = np.concatenate(self.weights) if self.weights else None
        return self._without_rows(*_summed(np.concatenate(self.rows), numpy_gram, weights))

    def _without_rows(self, mean: FloatArray, scatter: FloatArray) -> "Moments":
        return Moments(self.count, mean, scatter, weighted=self.weighted)

    def _with_rows(self, mean: FloatArray, rows: tuple[FloatArray, ...]) -> "Moments":
        return replace(self, mean=mean, rows=rows)

    def select(self, columns: IntArray) -> "Moments":
        """Moments of some columns, in the given order."""
        if self.products is None:
            return self._with_rows(self.mean[columns], tuple(Z[:, columns] for Z in self.rows))
        return self._without_rows(self.mean[columns], self.products[np.ix_(columns, columns)])

    def spread(self, columns: IntArray, d: int) -> "Moments":
        """The same rows with these columns in the places ``columns`` of d, the others 0."""
        mean = np.zeros(d)
        mean[columns] = self.mean
        if self.products is None:
            rows = tuple(np.zeros((len(Z), d)) for Z in self.rows)
            for wider, Z in zip(rows, self.rows, strict=True):
                wider[:, columns] = Z
            return self._with_rows(mean, rows)
        scatter = np.zeros((d, d))
        scatter[np.ix_(columns, columns)] = self.products
        return self._without_rows(mean, scatter)

    def mapped(self, T: FloatArray) -> "Moments":
        """Moments of T z for each row z, with T of shape (e, d)."""
        return self._without_rows(T @ self.mean, T @ self.scatter @ T.T)

    def added(self, width: int, to: IntArray, source: IntArray, times: FloatArray) -> "Moments":
        """Moments of the first ``width`` columns, with the columns ``source``, ``times`` so much, added to ``to``."""
        if self.products is not None:
            change = np.eye(width, len(self.mean))
            change[to, source] = times
            return self.mapped(change)
        mean = self.mean[:width].copy()
        mean[to] += times * self.mean[source]
        rows = tuple(Z[:, :width].copy() for Z in self.rows)
        for changed, Z in zip(rows, self.rows, strict=True):
            changed[:, to] += times * Z[:, source]
        return self._with_rows(mean, rows)


def _both(a: Moments, b: Moments) -> Weighted:
    logs = sum(m.weighted.logs for m in (a, b) if m.weighted is not None)
    return Weighted(a.number + b.number, logs)


def whole(total: float) -> float:
    """A sum of weights, an int where it is whole: then it counts rows."""
    return int(total) if float(total).is_integer() else total


def _summed(Z: FloatArray, gram: Gram, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Mean (d,) and scatter (d, d) of the rows of Z (n, d), which is overwritten."""
    check_products(Z.shape[1], MANY_COLUMNS)
    if Z.shape[1] > MANY_COLUMNS and len(sparse := sparse_columns(Z)):
        return _summed_sparse(Z, sparse, gram, weights)
    mean = _mean(Z, weights)
    Z -= mean
    # A second pass over the mean takes out its rounding error.
    shift = _mean(Z, weights)
    Z -= shift
    if weights is not None:
        Z *= np.sqrt(weights)[:, None]
    return mean + shift, gram(Z)


def _mean(Z: FloatArray, weights: FloatArray | None) -> FloatArray:
    mean: FloatArray = Z.mean(axis=0) if weights is None else weights @ Z / weights.sum()
    return mean


def _summed_sparse(
    Z: FloatArray, sparse: IntArray, gram: Gram, weights: FloatArray | None
) -> tuple[FloatArray, FloatArray]:  # fmt: skip
    d = Z.shape[1]
    dense = np.setdiff1d(np.arange(d), sparse)
    others = Z[:, dense]
    mean, scatter = np.empty(d), np.empty((d, d))
    mean[dense], scatter[np.ix_(dense, dense)] = _summed(others, gram, weights)  # which centers them
    mean[sparse], scatter[np.ix_(sparse, sparse)], crossed = sparse_products(Z[:, sparse], others, weights)
    scatter[np.ix_(sparse, dense)], scatter[np.ix_(dense, sparse)] = crossed, crossed.T
    return mean, scatter


def is_wide(count: int, d: int) -> bool:
    """Whether so many rows take less room than the products of d columns."""
    return d > MANY_COLUMNS and count < d


def mean_squared_error(moments: Moments, intercept: float, coefficients: FloatArray) -> float:
    """Mean of (y - intercept - x'coefficients)^2 over the rows behind ``moments``, whose column 0 is y."""
    v = np.concatenate([[1.0], -coefficients])
    with np.errstate(over="ignore", invalid="ignore"):  # of parameters that diverge
        bias = float(v @ moments.mean) - intercept
        return float(max(moments.form(v) / moments.count, 0.0)) + bias * bias
