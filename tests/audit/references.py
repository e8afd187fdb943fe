"""Optima and standard errors in 50 digits, as scikit-learn and statsmodels are themselves inexact on hard tables."""

import mpmath
import numpy as np

DIGITS = 50


def _rows(X, intercept):
    Z = np.column_stack([np.ones(len(X)), X]) if intercept else X
    return [[mpmath.mpf(float(v)) for v in row] for row in Z]


def _gram(rows, weights):
    p = len(rows[0])
    H = mpmath.matrix(p, p)
    for i in range(p):
        for j in range(i + 1):
            H[i, j] = H[j, i] = mpmath.fsum(w * row[i] * row[j] for w, row in zip(weights, rows, strict=True))
    return H


def least_squares(X, y, intercept=True):
    """Coefficients and standard errors, the intercept first."""
    with mpmath.workdps(DIGITS):
        rows, target = _rows(X, intercept), [mpmath.mpf(float(v)) for v in y]
        n, p = len(rows), len(rows[0])
        inverse = _gram(rows, [1] * n) ** -1
        theta = list(inverse * mpmath.matrix([mpmath.fdot([r[i] for r in rows], target) for i in range(p)]))
        rss = mpmath.fsum((t - mpmath.fdot(r, theta)) ** 2 for r, t in zip(rows, target, strict=True))
        errors = [mpmath.sqrt(inverse[i, i] * rss / (n - p)) for i in range(p)]
        return np.array(theta, dtype=float), np.array(errors, dtype=float)


def logistic(X, y, intercept=True, start=None, l2=None):
    """Coefficients and standard errors of classes y in {0, 1} by Newton's method; ``l2`` (p,) weighs n/2 theta^2."""
    with mpmath.workdps(DIGITS):
        rows = _rows(X, intercept)
        n, p = len(rows), len(rows[0])
        ridge = [mpmath.mpf(float(v)) * n for v in (np.zeros(p) if l2 is None else l2)]
        theta = [mpmath.mpf(float(v)) for v in (np.zeros(p) if start is None else start)]
        for _ in range(60):
            chance = [1 / (1 + mpmath.exp(-mpmath.fdot(row, theta))) for row in rows]
            gradient = mpmath.matrix([
                mpmath.fdot([row[i] for row in rows], [c - int(t) for c, t in zip(chance, y, strict=True)])
                + ridge[i] * theta[i]
                for i in range(p)
            ])  # fmt: skip
            H = _gram(rows, [c * (1 - c) for c in chance])
            for i in range(p):
                H[i, i] += ridge[i]
            inverse = H**-1
            step = inverse * gradient
            theta = [t - s for t, s in zip(theta, step, strict=True)]
            if max(abs(s) for s in step) <= mpmath.mpf(10) ** -30 * max(abs(t) for t in theta):
                break
        else:
            raise ArithmeticError("Newton's method has found no optimum")
        return np.array(theta, dtype=float), np.array([mpmath.sqrt(inverse[i, i]) for i in range(p)], dtype=float)
