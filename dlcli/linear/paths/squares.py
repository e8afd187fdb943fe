"""A path of least squares, from moments alone: ridge in the eigenbasis, lasso and elastic net by exact minimizers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.paths.minimum import DenseProducts, Products, RowProducts, minimum, violation
from dlcli.linear.paths.settings import RIDGE_FACTOR, Track


@dataclass(frozen=True)
class SquaresPath:
    """Least squares on some rows; ``held`` are the moments of those that measure it, None where there are none.

    The intercept is at its best for any slopes, so that only these are looked for.
    """

    squares: LeastSquares
    penalty: Penalty
    held: Moments | None

    @cached_property
    def _products(self) -> tuple[FloatArray | None, FloatArray]:
        """A (d, d), or None for a wide table, and b (d,) of the slopes."""
        squares, moments, units = self.squares, self.squares.moments, self.squares.units
        if moments.wide:
            B, target = squares.centered_design
            return None, target @ B
        A = moments.scatter[1:, 1:] / moments.count / np.outer(units.scale, units.scale)
        b = moments.scatter[1:, 0] / moments.count / units.scale
        if not units.intercept:  # the units of training have no shift
            mean = moments.mean[1:] / units.scale
            A, b = A + np.outer(mean, mean), b + mean * float(moments.mean[0])
        return A, b

    @property
    def largest(self) -> float:
        """The smallest penalty that leaves nothing (lasso), or next to nothing, as glmnet has it (ridge)."""
        steepest = float(np.max(np.abs(self._products[1]), initial=0.0))
        if self.penalty.path == "l1":
            return steepest if steepest > self._rounding else 0.0
        moments = self.squares.moments
        mean = 0.0 if self.squares.units.intercept else float(moments.mean[0])
        spread = float(np.sqrt(moments.diagonal[0] / moments.count + mean**2))
        return RIDGE_FACTOR * steepest / spread if steepest > self._rounding else 0.0

    @property
    def _rounding(self) -> float:
        """What a product of a column with the target may be by rounding alone."""
        moments = self.squares.moments
        size = float(np.sqrt(moments.diagonal[0] / moments.count + moments.mean[0] ** 2))
        units = self.squares.units
        widest = np.max(np.sqrt(moments.diagonal[1:] / moments.count) / units.scale, initial=0.0)
        return float(8 * np.finfo(np.float64).eps * size * max(widest, np.finfo(np.float64).tiny))

    def follow(self, penalties: FloatArray) -> Track:
        """The fits along penalties (L,), each from the one before."""
        theta, df, off = self._ridge(penalties) if self.penalty.path == "l2" else self._lasso(penalties)
        slopes = theta / self.squares.units.scale
        moments = self.squares.moments
        intercept = np.zeros(len(penalties))
        if self.squares.units.intercept:
            intercept = moments.mean[0] - slopes @ moments.mean[1:]
        held = None if self.held is None else losses(self.held, intercept, slopes)
        return Track(
            intercept[:, None], slopes[:, :, None], losses(moments, intercept, slopes), held, df, off
        )  # fmt: skip

    def _ridge(self, penalties: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """In the basis of eigenvectors each slope is shrunk by itself."""
        A, b = self._products
        if A is None:
            B, target = self.squares.centered_design
            left, singular, right = np.linalg.svd(B, full_matrices=False)
            values, vectors, along = singular**2, right.T, singular * (left.T @ target)
        else:
            values, vectors = np.linalg.eigh(A)
            values, along = np.maximum(values, 0.0), vectors.T @ b
        shrunk = values + penalties[:, None]
        theta = (along / shrunk) @ vectors.T
        df = (values / shrunk).sum(axis=1)
        products = self._with_ridge(0.0)
        left_over = [b - products.times(t) - l2 * t for t, l2 in zip(theta, penalties, strict=True)]
        return theta, df, np.max(np.abs(left_over), axis=1, initial=0.0) / max(float(np.abs(b).max()), 1e-300)

    def _lasso(self, penalties: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        b, products = self._products[1], self._with_ridge(self.penalty.l2)
        here, found, off = np.zeros(len(b)), [], []
        largest = max(float(np.max(np.abs(b), initial=0.0)), 1e-300)
        for penalty in penalties.tolist():
            threshold = np.full(len(b), penalty)
            here = minimum(products, b, threshold, here)
            found.append(here)
            off.append(violation(here, b - products.times(here), threshold) / largest)
        theta = np.array(found).reshape(len(penalties), len(b))
        return theta, np.count_nonzero(theta, axis=1).astype(np.float64), np.array(off)

    def _with_ridge(self, l2: float) -> Products:
        A, b = self._products
        ridge = np.full(len(b), l2)
        return RowProducts(self.squares.centered_design[0], ridge) if A is None else DenseProducts(A, ridge)


def losses(moments: Moments, intercept: FloatArray, slopes: FloatArray) -> FloatArray:
    """Mean squared errors (L,) on the rows behind ``moments`` of intercepts (L,) and slopes (L, d)."""
    v = np.concatenate([np.ones((1, len(slopes))), -slopes.T])
    if moments.products is not None:
        spread = np.einsum("ij,ij->j", v, moments.products @ v)
    else:
        along = moments.centered @ v
        spread = np.einsum("ij,ij->j", along, along)
    bias = moments.mean @ v - intercept
    return np.asarray(np.maximum(spread / max(moments.count, 1), 0.0) + bias**2)
