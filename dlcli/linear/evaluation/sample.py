"""Rows drawn at random from any number of rows, and the most extreme of all, for pictures."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.moments import Moments

DRAWN, NAMED = 4000, 3  # rows drawn at random, and those of each kind of extreme
MOST_COLUMNS = 2000  # of which leverage is found: its eigenvectors take time with their cube
RESOLUTION = 1e-11  # of the largest eigenvalue: what is smaller says nothing


class Reservoir:
    """Rows of values (n, c) of which ``most`` are kept, each as likely as any other; the same ones whatever chunks the
    rows come in.
    """

    def __init__(self, most: int = DRAWN, seed: int = 0) -> None:
        self._most, self._random = most, np.random.default_rng(seed)
        self._keys, self._rows = np.zeros(0), np.zeros((0, 0))

    def add(self, rows: FloatArray) -> None:
        """Rows (m, c)."""
        keys = self._random.random(len(rows))
        if len(self._keys) == self._most:  # most rows of later chunks are not among them
            rows, keys = rows[keys < self._keys.max()], keys[keys < self._keys.max()]
        keys = np.concatenate([self._keys, keys])
        rows = np.concatenate([self._rows.reshape(-1, rows.shape[1]), rows])
        kept = np.sort(np.argsort(keys, kind="stable")[: self._most])
        self._keys, self._rows = keys[kept], rows[kept]

    def rows(self) -> FloatArray:
        """What was kept, in the order that it came in."""
        return self._rows


class Extremes:
    """The rows of values (n, c) that have the largest keys."""

    def __init__(self, most: int = NAMED) -> None:
        self._most = most
        self._keys, self._rows = np.zeros(0), np.zeros((0, 0))

    def add(self, keys: FloatArray, rows: FloatArray) -> None:
        """Keys (m,) and rows (m, c)."""
        if len(keys) > self._most:
            first = np.argpartition(-keys, self._most)[: self._most]
            keys, rows = keys[first], rows[first]
        keys = np.concatenate([self._keys, keys])
        rows = np.concatenate([self._rows.reshape(-1, rows.shape[1]), rows])
        kept = np.argsort(-keys, kind="stable")[: self._most]
        self._keys, self._rows = keys[kept], rows[kept]

    def rows(self) -> FloatArray:
        """What was kept."""
        return self._rows


@dataclass(frozen=True)
class Leverage:
    """How much each row draws the fit to itself: the diagonal of X (X'X)^-1 X', of the rows trained on.

    ``columns`` are those of X that the model has, ``root`` (d, r) with ``root`` ``root``' = (X'X)^-1 of them less their
    ``mean``; ``least`` is 1/n with an intercept, and ``rank`` counts the coefficients that the data determine.
    """

    columns: IntArray
    mean: FloatArray
    root: FloatArray
    least: float
    rank: int

    @classmethod
    def of(
        cls, moments: Moments, columns: IntArray, exponents: IntArray | None, *, intercept: bool
    ) -> "Leverage | None":  # fmt: skip
        """From moments with y in column 0, whose columns are divided by 2 to the power of ``exponents``.

        None of tables with more columns than rows, whose rows have leverage 1, and of very many columns.
        """
        if moments.wide or len(columns) > MOST_COLUMNS or not len(columns):
            return None
        mean, scatter = moments.mean[1:], moments.scatter[1:, 1:]
        if not intercept:
            scatter, mean = scatter + moments.count * np.outer(mean, mean), np.zeros(len(mean))
        scale = np.sqrt(np.diag(scatter))
        scale = np.where(scale > 0, scale, 1.0)
        values, vectors = np.linalg.eigh(scatter / np.outer(scale, scale))
        known = values > RESOLUTION * values.max()
        root = vectors[:, known] / np.sqrt(values[known]) / scale[:, None]
        if exponents is not None:
            mean, root = np.ldexp(mean, exponents), np.ldexp(root, -exponents[:, None])
        return cls(columns, mean, root, intercept / moments.count, int(known.sum()) + int(intercept))

    def of_rows(self, X: FloatArray) -> FloatArray:
        """Of rows X (m, w) of all columns, none of them missing."""
        along = (X[:, self.columns] - self.mean) @ self.root
        return np.asarray(np.minimum(self.least + np.einsum("ij,ij->i", along, along), 1.0))
