"""Metrics of Huber's loss, of targets and scores that come chunk by chunk."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.evaluation.ranking import Scores
from dlcli.linear.losses.huber import Huber
from dlcli.linear.metrics import HUBER_METRICS


class HuberSums:
    """Sums over rows of what the metrics need."""

    def __init__(self, loss: Huber) -> None:
        self.loss = loss
        self.rows: float = 0  # with weights the sum of these
        self._mean, self._scatter, self._sums, self._sizes = 0.0, 0.0, np.zeros(3), Scores(1)

    @property
    def exact(self) -> bool:
        """Whether the median is of all rows; else it is that of bins 1/2048 of their value wide."""
        return self._sizes.exact

    def add(self, y: FloatArray, scores: FloatArray, weights: FloatArray | None = None) -> None:
        """Targets, scores and weights (m,); without weights each row counts once."""
        residual = y - scores
        counts = np.ones(len(y)) if weights is None else weights
        if not (here := float(counts.sum())):
            return
        each = np.stack([self.loss.terms(scores, y, False)[0], np.abs(residual), residual * residual])
        self._sums += each @ counts
        self._sizes.add(np.abs(residual)[:, None], np.zeros((len(y), 1), dtype=np.bool_), weights)
        mean = float(counts @ y) / here
        apart = mean - self._mean
        self._scatter += float(counts @ (y - mean) ** 2) + apart**2 * self.rows * here / (self.rows + here)
        self.rows += here
        self._mean += apart * here / self.rows

    def metrics(self) -> dict[str, float]:
        """The mean loss, once more by its name, and errors; of no rows nan."""
        if not self.rows:
            return dict.fromkeys(HUBER_METRICS, float("nan"))
        loss, mae, square = (float(total) / self.rows for total in self._sums)
        r2 = 1 - square * self.rows / self._scatter if self._scatter > 0 else float("nan")
        found = (loss, loss, mae, self._sizes.median(), float(np.sqrt(square)), r2)
        return dict(zip(HUBER_METRICS, found, strict=True))
