"""Metrics of families with a link, of targets and scores that come chunk by chunk: deviances and what they explain."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.losses.families import Family
from dlcli.linear.metrics import DEVIANCE_METRICS
from dlcli.linear.objectives.moments import whole


class DevianceSums:
    """Sums over rows of what a family's metrics need."""

    def __init__(self, family: Family) -> None:
        self.family, self.pearson = family, 0.0
        self.rows: float = 0  # with weights the sum of these
        self._half = self._saturated = self._target = self._squares = self._sizes = 0.0

    def add(self, y: FloatArray, scores: FloatArray, weights: FloatArray | None = None) -> None:
        """Targets, scores and weights (m,)."""

        def total(values: FloatArray) -> float:
            return float(np.sum(values) if weights is None else weights @ values)

        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, saturated = self.family.terms(scores, y, False)[0], self.family.saturated(y)
            mean = self.family.mean(scores)
            self._half += total(loss - saturated)
            errors = y - mean
            self._squares += total(errors * errors)
            self._sizes += total(np.abs(errors))
            self.pearson += total(errors * errors / self.family.variance(mean))
        self._saturated += total(saturated)
        self._target += total(y)
        self.rows += len(y) if weights is None else whole(float(weights.sum()))

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
