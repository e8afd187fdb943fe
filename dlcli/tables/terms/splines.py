"""Bases of splines: B-splines, and natural cubic ones by their values at the knots."""

import numpy as np

from dlcli.tables.columns import FloatArray


def b_splines(x: FloatArray, knots: FloatArray, degree: int) -> FloatArray:
    """The values (n, k) of the B-splines on ``knots`` (k + degree + 1,) at x (n,), nan where that is.

    By the recurrence of Cox and de Boor (The NURBS Book, A2.2). Beyond the knots the outermost pieces go on as the
    polynomials that they are, as in R.
    """
    n, count = len(x), len(knots) - degree - 1
    wide = np.flatnonzero(np.diff(knots) > 0)
    wide = wide[(wide >= degree) & (wide < count)]
    span = np.clip(np.searchsorted(knots, x, side="right") - 1, wide[0], wide[-1])
    local = np.zeros((degree + 1, n))
    local[0] = 1.0
    left, right = np.zeros((degree + 1, n)), np.zeros((degree + 1, n))
    for j in range(1, degree + 1):
        left[j], right[j] = x - knots[span + 1 - j], knots[span + j] - x
        saved = np.zeros(n)
        for r in range(j):
            part = local[r] / (right[r + 1] + left[j - r])
            local[r] = saved + right[r + 1] * part
            saved = left[j - r] * part
        local[j] = saved
    basis = np.zeros((n, count), order="F")
    rows = np.arange(n)
    for r in range(degree + 1):
        basis[rows, span - degree + r] = local[r]
    basis[np.isnan(x)] = np.nan
    return basis


def _derivatives(x: FloatArray, knots: FloatArray, degree: int, order: int) -> FloatArray:
    """Derivatives of the B-splines at x, (n, k), by those of lower degree."""
    if not order:
        return b_splines(x, knots, degree)
    lower = _derivatives(x, knots, degree - 1, order - 1)
    apart = knots[degree:] - knots[:-degree]
    scaled = lower * np.divide(degree, apart, out=np.zeros(len(apart)), where=apart > 0)
    return np.asarray(scaled[:, :-1] - scaled[:, 1:])


def natural_b_splines(x: FloatArray, knots: FloatArray) -> FloatArray:
    """The basis (n, k - 1) at x (n,) of natural cubic splines on ``knots`` (k,) less the constant, as R's ns.

    They are the cubic B-splines but the first, held to second derivatives of 0 at both ends; straight beyond them.
    """
    ends = np.array([knots[0], knots[-1]])
    every = np.concatenate([[knots[0]] * 3, knots, [knots[-1]] * 3])
    basis = b_splines(x, every, 3)
    at_ends, slopes = b_splines(ends, every, 3), _derivatives(ends, every, 3, 1)
    for end, beyond in enumerate((x < ends[0], x > ends[1])):
        basis[beyond] = at_ends[end] + (x[beyond] - ends[end])[:, None] * slopes[end]
    q, _ = np.linalg.qr(_derivatives(ends, every, 3, 2)[:, 1:].T, mode="complete")
    return np.asarray(basis[:, 1:] @ q[:, 2:])


def natural_splines(x: FloatArray, knots: FloatArray) -> FloatArray:
    """The basis (n, k) at x (n,) of natural cubic splines by their values at ``knots`` (k,); straight beyond them.

    Source: S. N. Wood, Generalized Additive Models (2006), 4.1.2; mgcv's "cr".
    """
    h = np.diff(knots)
    j = np.clip(np.searchsorted(knots, x) - 1, 0, len(h) - 1)
    width, above, below = h[j], knots[j + 1] - x, x - knots[j]
    cubed_above = np.where(x > knots[-1], 0.0, above**3 / (6 * width))
    cubed_below = np.where(x < knots[0], 0.0, below**3 / (6 * width))
    curvatures = _second_derivatives(h)
    basis = curvatures[j] * (cubed_above - width * above / 6)[:, None]
    basis += curvatures[j + 1] * (cubed_below - width * below / 6)[:, None]
    rows = np.arange(len(x))
    basis[rows, j] += above / width
    basis[rows, j + 1] += below / width
    basis[np.isnan(x)] = np.nan
    return basis


def _second_derivatives(h: FloatArray) -> FloatArray:
    """What takes values at the knots to second derivatives there (k, k), of knots so far apart (k - 1,)."""
    k = len(h) + 1
    full = np.zeros((k, k))
    if k > 2:
        band = np.diag((h[:-1] + h[1:]) / 3) + np.diag(h[1:-1] / 6, 1) + np.diag(h[1:-1] / 6, -1)
        slopes = np.zeros((k - 2, k))
        every = np.arange(k - 2)
        slopes[every, every], slopes[every, every + 2] = 1 / h[:-1], 1 / h[1:]
        slopes[every, every + 1] = -1 / h[:-1] - 1 / h[1:]
        full[1:-1] = np.linalg.solve(band, slopes)
    return full


def without(constraint: FloatArray) -> FloatArray:
    """What takes a basis (n, k) to one (n, k - 1) of the splines whose coefficients times ``constraint`` (k,) are 0."""
    q, _ = np.linalg.qr(constraint[:, None], mode="complete")
    return np.asarray(q[:, 1:])
