"""On which side of a hyperplane the rows of classes lie: the constraints of separation, block by block.

A constraint is a row and a class that isn't its own: theta puts it right where the row's score for its own class is
above that for the other. Logistic regression has one a row, softmax k - 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray

# A margin is known to this share of the sum of its terms: rows are rounded when they are standardized.
ROUNDING = 1e-10
# ... or of this where that is less: what is left of a 0 in a column that was centered is no margin.
LEAST = 1e-4


@dataclass(frozen=True)
class Question:
    """What is asked of the rows: which constraints ``candidate`` (p, k) breaks of those that are still open.

    The directions are about as long as puts an ordinary row at a score of 1.
    Open are those on the boundary of every direction of ``settled`` (r, p, k). Without a candidate every ``stride``-th
    of them is wanted; else the ``most`` that are broken worst.
    """

    settled: FloatArray
    candidate: FloatArray | None
    stride: int
    most: int


@dataclass(frozen=True)
class Margins:
    """What the rows answer: how many constraints are ``open``, their sum ``total`` (pk,), some ``rows`` (m, pk).

    ``worst`` and ``reach`` are the smallest and the largest margin of the candidate among them, and ``shares`` (m,)
    those of the rows, as shares of the sum of their terms. A constraint (p, k), flattened, times theta is its margin.
    """

    open: int
    total: FloatArray
    worst: float
    reach: float
    shares: FloatArray
    rows: FloatArray

    def packed(self) -> FloatArray:
        """All of it as one array."""
        head = np.array([self.open, self.worst, self.reach])
        return np.concatenate([head, self.total, self.shares, self.rows.ravel()])

    @classmethod
    def unpacked(cls, values: FloatArray, size: int) -> "Margins":
        """What was packed, of constraints of ``size`` pk."""
        m = (len(values) - 3 - size) // (1 + size)
        shares, rows = values[3 + size : 3 + size + m], values[3 + size + m :].reshape(m, size)
        return cls(int(values[0]), values[3 : 3 + size], float(values[1]), float(values[2]), shares, rows)


def ask_blocks(
    blocks: Iterable[tuple[FloatArray, FloatArray, FloatArray | None]], shape: tuple[int, int], question: Question
) -> Margins:
    """The answer of blocks of rows Z (m, p), y (m,) and weights (m,), theta having ``shape`` (p, k).

    Rows of weight 0 have no say.
    """
    answers = []
    for Z, y, weights in blocks:
        counts = slice(None) if weights is None or (weights > 0).all() else weights > 0
        answers.append(_ask(Z[counts], y[counts], shape, question))
    return together(answers, shape, question)


def together(answers: Sequence[Margins], shape: tuple[int, int], question: Question) -> Margins:
    """One answer from those of parts of the rows."""
    size = shape[0] * shape[1]
    shares = np.concatenate([np.zeros(0), *(a.shares for a in answers)])
    rows = np.concatenate([np.zeros((0, size)), *(a.rows for a in answers)])
    if question.candidate is not None:
        order = np.argsort(shares, kind="stable")[: question.most]
        shares, rows = shares[order], rows[order]
    return Margins(
        sum(a.open for a in answers),
        np.sum([np.zeros(size), *(a.total for a in answers)], axis=0),
        min((a.worst for a in answers), default=np.inf), max((a.reach for a in answers), default=-np.inf),
        shares, rows,
    )  # fmt: skip


def _ask(Z: FloatArray, y: FloatArray, shape: tuple[int, int], question: Question) -> Margins:
    k, codes = shape[1], y.astype(np.int64)
    opened = np.ones((len(y), k), dtype=np.bool_)
    if k > 1:
        opened[np.arange(len(y)), codes] = False
    for direction in question.settled:
        opened &= np.abs(_shares(Z, codes, direction)) <= ROUNDING
    if k == 1:
        signs = np.where(codes == 1, 1.0, -1.0)[:, None] * opened
    else:
        signs = -opened.astype(np.float64)
        signs[np.arange(len(y)), codes] = opened.sum(axis=1)
    count, total = int(opened.sum()), (Z.T @ signs).ravel()
    if question.candidate is None:
        at, other = (found[:: question.stride] for found in np.nonzero(opened))
        return Margins(count, total, np.inf, -np.inf, np.zeros(len(at)), _constraints(Z, codes, (at, other), k))
    shares = np.where(opened, _shares(Z, codes, question.candidate), np.inf)
    worst = float(shares.min(initial=np.inf))
    reach = float(np.max(shares, where=opened, initial=-np.inf))
    at, other = np.nonzero(shares < -ROUNDING)
    found = shares[at, other]
    if len(found) > question.most:
        first = np.argpartition(found, question.most)[: question.most]
        at, other, found = at[first], other[first], found[first]
    return Margins(count, total, worst, reach, found, _constraints(Z, codes, (at, other), k))


def _shares(Z: FloatArray, codes: IntArray, theta: FloatArray) -> FloatArray:
    """Margins of every constraint (n, k), as shares of the sum of their terms."""
    scores, sizes = Z @ theta, np.abs(Z) @ np.abs(theta)
    if theta.shape[1] == 1:
        margins = np.where(codes[:, None] == 1, scores, -scores)
    else:
        own = np.arange(len(codes)), codes
        margins, sizes = scores[own][:, None] - scores, sizes[own][:, None] + sizes
    shares: FloatArray = margins / np.maximum(sizes, LEAST)
    return shares


def _constraints(Z: FloatArray, codes: IntArray, which: tuple[IntArray, IntArray], k: int) -> FloatArray:
    """The constraints (m, pk) of rows and other classes."""
    at, other = which
    if k == 1:
        return Z[at] * np.where(codes[at] == 1, 1.0, -1.0)[:, None]
    found, each = np.zeros((len(at), Z.shape[1], k)), np.arange(len(at))
    found[each, :, codes[at]] += Z[at]
    found[each, :, other] -= Z[at]
    return found.reshape(len(at), Z.shape[1] * k)
