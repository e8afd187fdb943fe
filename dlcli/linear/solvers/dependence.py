"""Which columns depend linearly on those before them, by their second moments."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.moments import Moments

# Of a column's sum of squares, what is left of it outside the span of the columns before it: less is rounding.
ROUNDING = 64 * float(np.finfo(np.float64).eps)
# Where what is left gets smaller step by step, as with powers of x, nothing tells dependence from rounding.
CLEAR = 1e-10
DOUBTFUL = 1e-11  # smallest eigenvalue of correlations below which dependence is looked for
NEGLIGIBLE = 1e-6  # share of a column in another, both of unit length


def correlations(moments: Moments, intercept: bool) -> tuple[FloatArray, FloatArray]:
    """Of the columns after y, (d, d), and their lengths (d,); without an intercept the cosines between them."""
    S = moments.scatter[1:, 1:]
    if not intercept:
        S = S + moments.count * np.outer(moments.mean[1:], moments.mean[1:])
    length = np.sqrt(np.diag(S))
    length[length == 0] = 1.0
    C: FloatArray = S / np.outer(length, length)
    return C, length


def may_depend(moments: Moments, intercept: bool) -> bool:
    """Whether the smallest eigenvalue of the columns' correlations is so small that some may depend on others.

    It takes a small part of the time in which these are found.
    """
    C, _ = correlations(moments, intercept)
    try:
        np.linalg.cholesky(C - DOUBTFUL * np.eye(len(C)))
    except np.linalg.LinAlgError:
        return True
    return False


def dependent_columns(moments: Moments, intercept: bool) -> dict[int, tuple[int, ...]]:
    """The columns (of those after y, from 0) that depend on earlier ones, and on which; empty where it isn't clear.

    A Cholesky factorization of the columns' correlations that passes over a column once nothing is left of it: it
    finds what R's ``lm`` finds by QR, to half the digits.
    """
    C, _ = correlations(moments, intercept)
    d = len(C)
    rest, floor = C.copy(), ROUNDING * max(d, 10)
    kept: list[int] = []
    dependent: list[int] = []
    lowest = 1.0
    for j in range(d):
        pivot = rest[j, j]
        if pivot <= floor:
            dependent.append(j)
            continue
        kept.append(j)
        lowest = min(lowest, float(pivot))
        row: FloatArray = rest[j] / np.sqrt(pivot)
        rest -= np.outer(row, row)
    if lowest < CLEAR:
        return {}
    found = {}
    for j in dependent:
        before = [i for i in kept if i < j]
        shares = np.linalg.solve(C[np.ix_(before, before)], C[before, j]) if before else np.zeros(0)
        found[j] = tuple(i for i, share in zip(before, shares, strict=True) if abs(share) > NEGLIGIBLE)
    return found
