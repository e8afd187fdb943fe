"""How near parameters are to the optimum of least squares on fewer rows than columns; see ``nearness``."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.objectives.row_space import row_modes
from dlcli.linear.optimum.moments import ROUNDINGS, Optimum, Place, Products, nearness_of
from dlcli.linear.optimum.nearness import AWAY, KNOWN, SINGULAR, TINY, UNIT, Nearness, inverse_of

NONE = np.zeros((0, 0))


@dataclass(frozen=True)
class _Inverse:
    """H^-1 = V diag(within) V' + beyond (1 - VV') for H = B'B + l2, with V (f, r) orthonormal."""

    within: FloatArray
    vectors: FloatArray
    beyond: float

    def times(self, v: FloatArray) -> FloatArray:
        """H^-1 v, (f,)."""
        inside = self.vectors.T @ v
        product: FloatArray = self.vectors @ ((self.within - self.beyond) * inside) + self.beyond * v
        return product

    def diagonal(self, power: int = 1) -> FloatArray:
        """The diagonal (f,) of a power of H^-1."""
        beyond = self.beyond**power
        found: FloatArray = self.vectors**2 @ (self.within**power - beyond) + beyond
        return np.maximum(found, 0.0)

    def gains(self, l2: float) -> FloatArray:
        """Lengths (f,) of the rows of H^-1 B': what a change of the residuals comes to."""
        found: FloatArray = self.vectors**2 @ (np.maximum(1 / self.within - l2, 0.0) * self.within**2)
        return np.sqrt(np.maximum(found, 0.0))


def wide_nearness(squares: LeastSquares, theta: FloatArray, mse: float, penalty: Penalty) -> Nearness:
    """Nearness of theta (p,), in training units, to the optimum of least squares with these penalties.

    As ``moments_nearness``, but residuals are those of rows, so nothing cancels, and no products of columns are formed.
    """
    if not np.isfinite(theta).all():
        return AWAY
    units, moments = squares.units, squares.moments
    B, target = squares.centered_design
    intercept, slopes = units.to_data(theta[:, None])
    at = slopes[:, 0] * units.scale
    own = np.sqrt(np.einsum("ij,ij->j", B, B))
    if not (own > 0).all():
        return SINGULAR
    left = target - B @ at
    smooth = left @ B - penalty.l2 * at
    free = at != 0 if penalty.l1 else np.ones(len(at), dtype=bool)
    if penalty.l1 and np.any(np.abs(smooth[~free]) > penalty.l1 * (1 + 1e-9)):
        return AWAY
    gradient = smooth - penalty.l1 * np.sign(at)
    size = float(np.abs(at) @ own + np.linalg.norm(target))
    square = float(target @ target)
    products = Products(
        moments.mean[1:], float(moments.mean[0]), NONE, target @ B, square, own * units.scale, moments.count,
        units.intercept,
    )  # fmt: skip
    place = Place(float(intercept[0]), slopes[:, 0], at, NONE, gradient, free, True, size)
    optimum = _optimum(squares, B[:, free], place, float(np.linalg.norm(left)), penalty)
    return SINGULAR if optimum is None else nearness_of(optimum, products, place, mse, penalized=penalty.present)


def _optimum(squares: LeastSquares, B: FloatArray, place: Place, residual: float, penalty: Penalty) -> Optimum | None:
    """The optimum of the slopes, of which B (m, f) are the free columns; None where they are not determined.

    Rounding: residuals are off by that of the terms that they are differences of, and their products with the columns,
    and the penalty's, by that of their own.
    """
    free, scale, d = place.free, squares.units.scale, len(place.at)
    zero = np.zeros(1 + d)
    if not free.any():
        return Optimum(zero, zero, zero, 0.0, True)
    inverse = _inverse(squares, B, penalty.l2)
    if inverse is None:
        return None
    gradient, here = place.gradient[free], place.at[free]
    off = residual * np.sqrt(len(here)) + penalty.l2 * float(np.linalg.norm(here))
    error = ROUNDINGS * place.size * inverse.gains(penalty.l2) + off * np.sqrt(inverse.diagonal(2)) + np.abs(here)
    move, spread = inverse.times(gradient), np.sqrt(inverse.diagonal())
    shift = squares.moments.mean[1:][free] / scale[free]
    change, errors, spreads = zero.copy(), zero.copy(), zero.copy()
    change[1:][free], errors[1:][free], spreads[1:][free] = (
        move / scale[free], UNIT * error / scale[free], spread / scale[free],
    )  # fmt: skip
    change[0], errors[0] = -shift @ move, UNIT * float(np.abs(shift) @ error)
    spreads[0] = np.sqrt(max(float(shift @ inverse.times(shift)), 0.0))
    known = bool((UNIT * inverse.diagonal(2) / np.maximum(spread**2, TINY)).max() <= KNOWN)
    return Optimum(change, errors, spreads, 0.0, known)


def _inverse(squares: LeastSquares, B: FloatArray, l2: float) -> _Inverse | None:
    """The inverse of B'B + l2; None where that is singular."""
    units = squares.units
    if B.shape[1] <= len(B):
        solved = inverse_of(B.T @ B + l2 * np.eye(B.shape[1]))
        if solved is None:
            return None
        values, vectors = np.linalg.eigh(solved[0])
        return _Inverse(values, vectors, 0.0)
    if not l2:
        return None
    if B.shape[1] == len(units.scale) and (
        not units.intercept or np.array_equal(units.shift, squares.moments.mean[1:])
    ):
        # Centered columns have nothing to do with the intercept, whose mode is no part of the others.
        values, vectors = squares.modes
        vectors = vectors[int(units.intercept) :]
    else:
        values, vectors = row_modes(B, l2, intercept=False)
    return _Inverse(1 / values, vectors, 1 / l2)
