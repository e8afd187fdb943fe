"""Metrics of families with a link, of targets and scores that come chunk by chunk: deviances and what they explain."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.losses.families import Family
from dlcli.linear.metrics import DEVIANCE_METRICS


class DevianceSums:
    """Sums over rows of what a family's metrics need."""

    def __init__(self, family: Family) -> None:
        self.family, self.rows, self.pearson = family, 0, 0.0
        self._half = self._saturated = self._target = self._squares = self._sizes = 0.0

    def add(self, y: FloatArray, scores: FloatArray) -> None:
        """Targets and scores (m,)."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, saturated = self.family.terms(scores, y, False)[0], self.family.saturated(y)
            mean = self.family.mean(scores)
            self._half += float(np.sum(loss - saturated))
            errors = y - mean
            self._squares += float(errors @ errors)
            self._sizes += float(np.abs(errors).sum())
            self.pearson += float(np.sum(errors * errors / self.family.variance(mean)))
        self._saturated += float(saturated.sum())
        self._target += float(y.sum())
        self.rows += len(y)

    exact = True  # no metric of them counts in bins

    @property
    def deviance(self) -> float:
        """That of all rows."""
        return 2 * self._half

    @property
    def mean(self) -> float:
        """That of the targets."""
        return self._target / self.rows

    def null_deviance(self, mean: float) -> float:
        """That of predicting ``mean`` in every row; the losses are linear in the target."""
        if not (mean > 0 or self.family.signed):
            return float("nan")
        at, one = np.array([self.family.score(mean)]), self.family
        at_zero, at_one = (float(one.terms(at, np.array([y]), False)[0][0]) for y in (0.0, 1.0))
        return 2 * (self.rows * at_zero + self._target * (at_one - at_zero) - self._saturated)

    def metrics(self) -> dict[str, float]:
        """Every metric; of no rows nan."""
        if not self.rows:
            return dict.fromkeys(DEVIANCE_METRICS, float("nan"))
        null = self.null_deviance(self.mean)
        return {
            "loss": self.deviance / self.rows,
            "deviance": self.deviance,
            "d2": 1 - self.deviance / null if null > 0 else float("nan"),
            "rmse": float(np.sqrt(self._squares / self.rows)),
            "mae": self._sizes / self.rows,
        }
