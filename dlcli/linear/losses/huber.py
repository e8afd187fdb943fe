"""Huber's loss (1964), element by element: squares near 0, and beyond a threshold only as fast as the residual."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray


@dataclass(frozen=True)
class Huber:
    """That of a ``threshold`` in units of the target; the score of a row is its prediction."""

    threshold: float
    classes = False

    def terms(self, score: FloatArray, y: FloatArray, second: bool) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """r^2 / 2 of r = s - y up to the threshold c and c |r| - c^2 / 2 beyond, its derivative, and 1 or 0; (n,)."""
        residual, c = score - y, self.threshold
        first = np.clip(residual, -c, c)
        bend = (np.abs(residual) <= c).astype(np.float64) if second else None
        return first * (residual - first / 2), first, bend

    def weights(self, score: FloatArray, y: FloatArray) -> FloatArray:
        """By how much each row counts in the least squares that have the same gradient, (n,): 1, or c / |r| beyond."""
        size = np.abs(score - y)
        return np.asarray(np.where(size <= self.threshold, 1.0, self.threshold / np.maximum(size, self.threshold)))
