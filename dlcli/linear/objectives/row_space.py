"""Least squares in the span of the rows, where they are fewer than the columns.

With A = B'B for rows B (m, p), m < p, gradients lie in the span of the rows (and of the intercept), and so does all of
gradient descent from 0: outside of it the Hessian is l2 times the identity, and nothing moves there. A QR of B' gives
the span, and the eigenvectors of an m x m matrix those of A in it (Hastie and Tibshirani 2004, "Efficient quadratic
regularization for expression arrays", Biostatistics 5; "The Elements of Statistical Learning", 18.3.5).
"""

import numpy as np

from dlcli.engine.arrays import FloatArray


class RowGram:
    """A = B'B (p, p) for B (m, p), as a factor of products only."""

    def __init__(self, B: FloatArray) -> None:
        self.B = B

    def __matmul__(self, theta: FloatArray) -> FloatArray:
        product: FloatArray = self.B.T @ (self.B @ theta)
        return product

    def trace(self) -> float:
        """The sum of the diagonal."""
        return float(np.einsum("ij,ij->", self.B, self.B))


def row_basis(rows: FloatArray) -> FloatArray:
    """An orthonormal basis (d, r) of the span of rows (m, d), r = min(m, d)."""
    return np.asarray(np.linalg.qr(rows.T)[0])


def row_modes(B: FloatArray, l2: float, *, intercept: bool) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues (r,), ascending, and eigenvectors (p, r) of B'B + l2 on the penalized, in the span of the rows.

    With an ``intercept``, the first of the p, it isn't penalized, and the span holds it too. All other eigenvalues,
    p - r, are l2.
    """
    first = int(intercept)
    Q, R = np.linalg.qr(B[:, first:].T)
    inside = np.concatenate([B[:, :first], R.T], axis=1)  # B in the coordinates of the span
    ridge = np.concatenate([np.zeros(first), np.full(len(R), l2)])
    values, modes = np.linalg.eigh(inside.T @ inside + np.diag(ridge))
    return values, np.concatenate([modes[:first], Q @ modes[first:]])
