"""Polynomials that are orthogonal over the values of training rows, which come chunk by chunk."""

import numpy as np

from dlcli.tables.columns import FloatArray

MOST_VALUES = 4096  # different ones that are kept as they are


class ValueMeasure:
    """How often each value occurs, as few values that give the same polynomials up to ``degree``.

    Up to 4,096 different values are kept. Of more, the values so far are replaced by the nodes and weights of the
    Gauss quadrature of degree + 1 nodes, which has the same moments up to 2 degree + 1: those that the polynomials
    depend on. Source: W. Gautschi, Orthogonal Polynomials (2004), 3.1; G. H. Golub and J. H. Welsch, Calculation of
    Gauss Quadrature Rules (1969).
    """

    def __init__(self, degree: int) -> None:
        self._degree = degree
        self._values, self._weights = np.zeros(0), np.zeros(0)
        self.different = 0  # values, or more than are kept

    def add(self, x: FloatArray) -> None:
        """Count values x (n,), none of them nan."""
        values, places = np.unique(np.concatenate([self._values, x]), return_inverse=True)
        weights: FloatArray = np.bincount(places, np.concatenate([self._weights, np.ones(len(x))])).astype(np.float64)
        self.different = max(self.different, len(values))
        if len(values) > MOST_VALUES:
            alpha, norms = recurrence(values, weights, self._degree + 1)
            beside = np.sqrt(norms[1 : self._degree + 1] / norms[: self._degree])
            values, vectors = np.linalg.eigh(np.diag(alpha) + np.diag(beside, 1) + np.diag(beside, -1))
            weights = norms[0] * vectors[0] ** 2
        self._values, self._weights = values, weights

    def polynomials(self) -> tuple[FloatArray, FloatArray]:
        """alpha (degree,) and the squared norms (degree + 1,) of the polynomials' recurrence."""
        return recurrence(self._values, self._weights, self._degree)


def recurrence(x: FloatArray, weights: FloatArray, degree: int) -> tuple[FloatArray, FloatArray]:
    """alpha (degree,) and squared norms (degree + 1,) of the monic polynomials orthogonal over x (m,) with weights.

    P(k+1) = (x - alpha(k)) P(k) - norm(k)/norm(k-1) P(k-1): Stieltjes' procedure.
    """
    alpha, norms = np.zeros(degree), np.zeros(degree + 1)
    before, now = np.zeros(len(x)), np.ones(len(x))
    norms[0] = weights.sum()
    for k in range(degree):
        alpha[k] = (weights * x * now**2).sum() / norms[k]
        beta = norms[k] / norms[k - 1] if k else 0.0
        before, now = now, (x - alpha[k]) * now - beta * before
        norms[k + 1] = (weights * now**2).sum()
    return alpha, norms


def orthogonal(x: FloatArray, alpha: FloatArray, norms: FloatArray) -> FloatArray:
    """The orthonormal polynomials (n, degree) from degree 1 on at x (n,)."""
    degree = len(alpha)
    basis = np.empty((len(x), degree), order="F")
    before, now = np.zeros(len(x)), np.ones(len(x))
    for k in range(degree):
        beta = norms[k] / norms[k - 1] if k else 0.0
        before, now = now, (x - alpha[k]) * now - beta * before
        basis[:, k] = now / np.sqrt(norms[k + 1])
    return basis
