"""Minimizes 1/2 theta'Q theta - c'theta + sum of threshold |theta|: the lasso, and each Newton step of one.

First all that violates the conditions of the optimum is put right at once, which from a solution nearby takes two or
three rounds (a primal-dual active set method: Hintermueller, Ito and Kunisch 2003; along a path of penalties: Fan, Jiao
and Lu 2014). Where that doesn't settle, one coordinate at a time comes in, and signs never change on the way to the
minimum over those that are in (feature-sign search: Lee, Battle, Raina and Ng 2007): the value falls with each step, so
that it ends, whatever columns depend on each other. In either case the solution of the last system is exact.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray

ROUNDS = 20  # of all at once
AT_ONCE = 10  # coordinates that may come in together, or half as many as are in: of more most would go out again
ROUNDING = 1e-12  # of the largest |c|: a violation that float64 doesn't see
SINGULAR = 1e-12  # share of a matrix's largest eigenvalue up to which one is taken for 0


class Products(Protocol):
    """The matrix Q (m, m), symmetric and not negative, as far as it is looked at."""

    @property
    def diagonal(self) -> FloatArray:
        """Its diagonal (m,)."""

    def block(self, rows: IntArray) -> FloatArray:
        """Its rows and columns of some numbers."""

    def times(self, theta: FloatArray) -> FloatArray:
        """Its product with theta (m,)."""


@dataclass(frozen=True)
class DenseProducts:
    """Q = A + diag(ridge), A (m, m) and ridge (m,)."""

    A: FloatArray
    ridge: FloatArray

    @property
    def diagonal(self) -> FloatArray:
        """Its diagonal (m,)."""
        return np.diag(self.A) + self.ridge

    def block(self, rows: IntArray) -> FloatArray:
        """Its rows and columns of some numbers."""
        return self.A[np.ix_(rows, rows)] + np.diag(self.ridge[rows])

    def times(self, theta: FloatArray) -> FloatArray:
        """Its product with theta (m,)."""
        live = np.flatnonzero(theta)
        product: FloatArray = self.A[:, live] @ theta[live] + self.ridge * theta
        return product


@dataclass(frozen=True)
class RowProducts:
    """Q = B'B + diag(ridge) for fewer rows B (n, m) than columns, ridge (m,)."""

    B: FloatArray
    ridge: FloatArray

    @property
    def diagonal(self) -> FloatArray:
        """Its diagonal (m,)."""
        return np.asarray(np.einsum("ij,ij->j", self.B, self.B)) + self.ridge

    def block(self, rows: IntArray) -> FloatArray:
        """Its rows and columns of some numbers."""
        chosen = self.B[:, rows]
        return chosen.T @ chosen + np.diag(self.ridge[rows])

    def times(self, theta: FloatArray) -> FloatArray:
        """Its product with theta (m,)."""
        live = np.flatnonzero(theta)
        product: FloatArray = self.B.T @ (self.B[:, live] @ theta[live]) + self.ridge * theta
        return product


def violation(theta: FloatArray, slope: FloatArray, threshold: FloatArray) -> float:
    """How far theta (m,) is from the conditions of the optimum (Karush, Kuhn and Tucker): 0 there.

    ``slope`` is c - Q theta: threshold times the sign of theta where that isn't 0, and at most threshold elsewhere.
    """
    off = np.where(theta != 0, np.abs(slope - threshold * np.sign(theta)), np.abs(slope) - threshold)
    return float(np.max(off, initial=0.0))


def minimum(products: Products, c: FloatArray, threshold: FloatArray, start: FloatArray) -> FloatArray:
    """The minimizer theta (m,), from a ``start`` (m,) that is best near it; c and threshold (m,).

    A threshold of 0 leaves a coordinate free. How well it holds is for the caller to ask (``violation``).
    """
    enough = ROUNDING * float(np.max(np.abs(c), initial=0.0))
    found = _all_at_once(products, c, threshold, start)
    if found is not None and violation(found, c - products.times(found), threshold) <= enough:
        return found
    return _one_by_one(products, c, threshold, start)


def _all_at_once(
    products: Products, c: FloatArray, threshold: FloatArray, start: FloatArray
) -> FloatArray | None:  # fmt: skip
    """The minimizer, or None where the sets of coordinates that aren't 0 don't settle."""
    diagonal, theta = products.diagonal, start
    many = 2 * np.count_nonzero(start) + 4 * AT_ONCE  # more come in only where it goes astray
    before: FloatArray | None = None
    for _ in range(ROUNDS):
        toward = diagonal * theta + c - products.times(theta)
        signs = np.where(np.abs(toward) > threshold, np.sign(toward), 0.0)
        new = np.flatnonzero((signs != 0) & (theta == 0) & (threshold > 0))
        if len(new) > (most := max(AT_ONCE, int(np.count_nonzero(theta)) // 2)):
            beyond = np.abs(toward[new]) - threshold[new]
            signs[new[np.argsort(-beyond, kind="stable")[most:]]] = 0.0
        if before is not None and np.array_equal(signs, before):
            return theta
        before, inside = signs, np.flatnonzero((signs != 0) | (threshold == 0))
        if np.count_nonzero(signs) > many:
            return None
        theta = np.zeros_like(theta)
        try:
            theta[inside] = np.linalg.solve(
                products.block(inside), c[inside] - threshold[inside] * signs[inside]
            )  # fmt: skip
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(theta).all():
            return None
    return None


def _one_by_one(products: Products, c: FloatArray, threshold: FloatArray, start: FloatArray) -> FloatArray:
    theta, enough = start.copy(), ROUNDING * float(np.max(np.abs(c), initial=0.0))
    inside, signs = (theta != 0) | (threshold == 0), np.where(threshold > 0, np.sign(theta), 0.0)
    for _ in range(100 + 20 * len(theta)):
        slope = c - products.times(theta)
        if not _to_minimum(products, (slope, threshold), (theta, signs, inside)):
            continue
        slope = c - products.times(theta)
        outside = np.where(inside, -np.inf, np.abs(slope) - threshold)
        if not len(outside) or (worst := int(np.argmax(outside))) < 0 or outside[worst] <= enough:
            break
        inside[worst], signs[worst] = True, np.sign(slope[worst])
    return theta


def _to_minimum(
    products: Products, known: tuple[FloatArray, FloatArray], at: tuple[FloatArray, FloatArray, BoolArray]
) -> bool:
    """Move theta, in place, toward the minimum over the coordinates that are in; whether it got there.

    ``known``: slope and threshold; ``at``: theta, the signs that must hold, and which coordinates are in. One that
    reaches 0 first goes out.
    """
    (slope, threshold), (theta, signs, inside) = known, at
    rows = np.flatnonzero(inside)
    right = slope[rows] - threshold[rows] * signs[rows]
    scale = float(np.max(np.maximum(np.abs(slope), threshold)))
    if float(np.max(np.abs(right), initial=0.0)) <= ROUNDING / 10 * scale:
        return True
    move, endless = _direction(products.block(rows), right, scale)
    here, wanted = theta[rows], signs[rows]
    against = (wanted != 0) & (move * wanted < 0) & ((here + move) * wanted <= 0 if not endless else True)
    if not against.any():
        theta[rows] = here + (0.0 if endless else move)
        return True
    reach = np.where(against, -here / np.where(against, move, 1.0), np.inf)
    first = int(np.argmin(reach))
    theta[rows] = here + max(float(reach[first]), 0.0) * move
    theta[rows[first]], signs[rows[first]], inside[rows[first]] = 0.0, 0.0, False
    return False


def _direction(block: FloatArray, right: FloatArray, scale: float) -> tuple[FloatArray, bool]:
    """Where to go by a system ``block`` x = ``right`` (m,): to its solution, or without one (True) endlessly on.

    What of ``right`` is nothing against ``scale`` is rounding.
    """
    try:
        factor = np.linalg.cholesky(block)
        if np.diag(factor).min() ** 2 > SINGULAR * np.diag(block).max():
            return np.asarray(np.linalg.solve(block, right)), False
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(block)
    live = values > SINGULAR * values[-1]
    within = vectors[:, live].T @ right
    beside = right - vectors[:, live] @ within
    if float(np.abs(beside).max()) > 100 * ROUNDING * scale:
        return beside, True
    return np.asarray(vectors[:, live] @ (within / values[live])), False
