"""The matrix of a least-squares problem, exact as double-double, and its QR factors in float64."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.solvers.double_double import DoubleDouble, dot

# Values per block in double-double: the temporaries stay in the cache.
BLOCK_VALUES = 1 << 16
# Values per block of the QR: so few that BLAS starts no threads, which on a busy machine wait for each other and
# can take ten times as long.
QR_BLOCK_VALUES = 1 << 13


@dataclass(frozen=True)
class RowWeights:
    """How much rows count: ``weights`` (n,), and how many ``observations`` they stand for."""

    weights: FloatArray
    observations: float


@dataclass(frozen=True)
class Design:
    """The matrix A = [1, (X - mean) / scale; 0, penalty] of shape (m, p), exact as double-double.

    m = n [+ d], p = d [+ 1]. ``scale`` holds powers of two, so both the shift and the scaling are exact. ``root`` (n,):
    the roots of the rows' weights, by which these are multiplied; None without.
    """

    X: FloatArray
    mean: FloatArray
    scale: FloatArray
    intercept: bool
    penalty: DoubleDouble | None  # (d,)
    root: DoubleDouble | None = None

    @property
    def width(self) -> int:
        """Columns p of A."""
        return int(self.X.shape[1]) + int(self.intercept)

    @property
    def qr_rows(self) -> int:
        """Rows per block of the QR: several times the columns, so that the stacked R are short."""
        return max(QR_BLOCK_VALUES // max(self.width, 1), 4 * self.width)

    @property
    def height(self) -> int:
        """Rows m of A."""
        return len(self.X) + (self.X.shape[1] if self.penalty is not None else 0)

    def columns(self, kept: IntArray) -> "Design":
        """The same with the columns ``kept`` of X only."""
        penalty = None if self.penalty is None else DoubleDouble(self.penalty.hi[kept], self.penalty.lo[kept])
        return Design(self.X[:, kept], self.mean[kept], self.scale[kept], self.intercept, penalty, self.root)

    def data_blocks(self, rows: int) -> Iterator[DoubleDouble]:
        """The rows of the data, transposed: arrays (p, rows)."""
        first = int(self.intercept)
        for start in range(0, len(self.X), rows):
            chunk = np.ascontiguousarray(self.X[start : start + rows].T)
            Z = DoubleDouble.difference(chunk, self.mean[:, None]).scaled(1 / self.scale[:, None])
            A = DoubleDouble.of(np.ones((self.width, chunk.shape[1])))
            A.hi[first:], A.lo[first:] = Z.hi, Z.lo
            yield A if self.root is None else A * self.root[None, start : start + rows]

    def blocks(self, rows: int) -> Iterator[DoubleDouble]:
        """All rows: those of the data, then those of the penalty in one block."""
        yield from self.data_blocks(rows)
        if self.penalty is not None:
            first, diagonal = int(self.intercept), np.arange(len(self.mean))
            A = DoubleDouble.of(np.zeros((self.width, len(self.mean))))
            A.hi[first + diagonal, diagonal] = self.penalty.hi
            A.lo[first + diagonal, diagonal] = self.penalty.lo
            yield A

    def left_over(
        self, r: DoubleDouble, theta: DoubleDouble, b: DoubleDouble, c: DoubleDouble
    ) -> tuple[FloatArray, FloatArray]:
        """b - r - A theta, of shape (m,), and c - A'r, of shape (p,): computed in double-double, then rounded."""
        f, g, start = np.empty(len(b.hi)), c, 0
        for A in self.blocks(max(BLOCK_VALUES // max(self.width, 1), 1)):
            rows = slice(start, start + A.hi.shape[1])
            f[rows] = (b[rows] - r[rows] - dot(A, theta[:, None])).round()
            g = g - (A * r[None, rows]).total(1)
            start = rows.stop
        return f, g.round()


@dataclass(frozen=True)
class Factors:
    """A = QR in float64. ``Q`` is held as blocks of rows (rows, k), R has shape (k, p), k = min(m, p)."""

    Q: list[FloatArray]
    R: FloatArray

    @classmethod
    def of(cls, blocks: Iterator[DoubleDouble]) -> "Factors":
        """QR of the blocks, then of their stacked R (Demmel et al. 2012, "tall skinny QR"): few copies of A."""
        Q, heads = [], []
        for A in blocks:
            q, head = np.linalg.qr(A.hi.T)
            Q.append(q)
            heads.append(head)
        top, R = np.linalg.qr(np.concatenate(heads))
        start = 0
        for i, head in enumerate(heads):
            Q[i] = Q[i] @ top[start : start + len(head)]
            start += len(head)
        return cls(Q, R)

    @cached_property
    def inverse(self) -> FloatArray:
        """The inverse of a square R."""
        return np.asarray(np.linalg.inv(self.R))

    def correct(self, f: FloatArray, g: FloatArray) -> tuple[FloatArray, FloatArray]:
        """dr (m,) and dtheta (p,) with dr + A dtheta = f and A'dr = g, to the accuracy of the factors."""
        inner, start = -(self.inverse.T @ g), 0
        for q in self.Q:
            inner += f[start : start + len(q)] @ q
            start += len(q)
        return f - np.concatenate([q @ inner for q in self.Q]), self.inverse @ inner
