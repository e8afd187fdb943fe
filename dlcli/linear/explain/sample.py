"""Rows kept in memory for what needs them together: permutations and pictures."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.evaluation.sample import Reservoir
from dlcli.linear.model import LinearModel
from dlcli.tables.table import Chunk

MOST_ROWS, LEAST_ROWS = 20_000, 1000
MOST_VALUES = 20_000_000  # of X, and SHAP values
MOST_LOSSES = 100_000_000  # computed for permutations, some seconds' worth
BESIDE = 4  # values of a row beside X: its number, target, weight and offset


@dataclass(frozen=True)
class SampledRows:
    """``numbers`` (n,) of rows, all there are or some drawn at random of ``rows``; X (n, d), in which gaps are filled.

    y (n,), nan without a target; ``weights`` and ``offset`` (n,), None where there are none.
    """

    rows: int
    numbers: IntArray
    X: FloatArray
    y: FloatArray
    weights: FloatArray | None
    offset: FloatArray | None

    @property
    def all(self) -> bool:
        """Whether they are all rows."""
        return len(self.numbers) == self.rows

    def with_offset(self, scores: FloatArray) -> FloatArray:
        """Scores (n, k) and the offset."""
        return scores if self.offset is None else scores + self.offset[:, None]


def most_rows(columns: int, outputs: int, permuted: int) -> int:
    """How many rows are kept of a model of so many columns of X and ``outputs``, with so many permutations in all."""
    kept = min(MOST_ROWS, MOST_VALUES // ((columns + BESIDE) * outputs))
    return max(LEAST_ROWS, min(kept, MOST_LOSSES // (max(permuted, 1) * outputs)))


class Sampling:
    """Keeps ``most`` of the rows that come chunk by chunk, each as likely as any other."""

    def __init__(self, most: int, seed: int) -> None:
        self._kept, self._rows = Reservoir(most, seed), 0
        self._weights = self._offset = False

    def add(self, chunk: Chunk, X: FloatArray) -> None:
        """The rows of a chunk, whose gaps are filled in X (m, d)."""
        self._rows += len(X)
        ones, none = np.ones(len(X)), np.zeros(len(X))
        y = chunk.y if len(chunk.y) else np.full(len(X), np.nan)
        self._weights |= chunk.weights is not None
        self._offset |= chunk.offset is not None
        weights = ones if chunk.weights is None else chunk.weights
        offset = none if chunk.offset is None else chunk.offset
        self._kept.add(np.column_stack([chunk.numbers.astype(np.float64), y, weights, offset, X]))

    def sampled(self) -> SampledRows:
        """What was kept."""
        rows = self._kept.rows()
        number, y, weights, offset = rows[:, :BESIDE].T
        return SampledRows(
            self._rows, number.astype(np.int64), np.ascontiguousarray(rows[:, BESIDE:]), y,
            weights if self._weights else None, offset if self._offset else None,
        )  # fmt: skip


def plain_values(chunks: Iterable[Chunk], wanted: IntArray) -> FloatArray:
    """The columns X (n, w) of the rows with the numbers ``wanted`` (n,), ascending, by another pass."""
    found = [chunk.X[np.isin(chunk.numbers, wanted)] for chunk in chunks]
    return np.concatenate(found)


def filled(model: LinearModel, X: FloatArray) -> FloatArray:
    """X (n, d) with missing values filled, as a copy of its own."""
    return np.array(model.filled(X))
