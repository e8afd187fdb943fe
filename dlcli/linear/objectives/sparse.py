"""Centered products of columns most of whose values are 0, as those of the levels of texts: only the others count."""

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray

SPARSE = 0.02  # share of values that aren't 0, below which a column is sparse


def sparse_columns(Z: FloatArray) -> IntArray:
    """The sparse columns of Z (n, d), if they are most of them; else none."""
    found = np.flatnonzero(np.count_nonzero(Z, axis=0) <= SPARSE * len(Z))
    return found if 2 * len(found) > Z.shape[1] else found[:0]


def sparse_products(
    S: FloatArray, others: FloatArray, weights: FloatArray | None = None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean (s,) and centered products (s, s) of sparse columns S (n, s), and those (s, q) with ``others`` (n, q).

    ``others`` are centered, and times the roots of the rows' ``weights`` (n,), if they have any. Values in the same row
    are multiplied pair by pair. Of values of 0 and 1 all sums are exact before the product of the means is taken off,
    which is never much larger than what is left.
    """
    n, s = S.shape
    rows, columns = np.nonzero(S)
    values = S[rows, columns]
    root = None if weights is None else np.sqrt(weights)
    total = n if weights is None else weights.sum()
    mean = np.bincount(columns, weights=values if weights is None else values * weights[rows], minlength=s) / total
    values = values if root is None else values * root[rows]
    crossed = np.empty((s, others.shape[1]))
    for j in range(others.shape[1]):
        crossed[:, j] = np.bincount(columns, weights=values * others[rows, j], minlength=s)
    products = -total * np.outer(mean, mean)
    products[np.diag_indices(s)] += np.bincount(columns, weights=values**2, minlength=s)
    for lag in range(1, int(np.bincount(rows).max(initial=0))):
        pairs = np.flatnonzero(rows[:-lag] == rows[lag:])
        first, second = columns[pairs], columns[pairs + lag]
        both = values[pairs] * values[pairs + lag]
        np.add.at(products, (first, second), both)
        np.add.at(products, (second, first), both)
    return mean, products, crossed
