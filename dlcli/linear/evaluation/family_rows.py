"""Rows of a family's model, for its pictures: some drawn at random, and the most extreme of all."""

from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.evaluation.deviance import DevianceSums
from dlcli.linear.evaluation.rows import FULL, joined
from dlcli.linear.evaluation.sample import Extremes, Reservoir
from dlcli.linear.losses.families import Family
from dlcli.linear.losses.normal_scores import normal_scores

if TYPE_CHECKING:
    from dlcli.reports.charts.models.residuals import DrawnRows


class FamilyRows:
    """What pictures need of rows that come chunk by chunk; ``rank`` coefficients, where there is leverage."""

    def __init__(self, sums: DevianceSums, rank: int | None = None) -> None:
        self.sums, self._rank = sums, rank
        self.rows = 0
        self._drawn, self._off, self._cook = Reservoir(), Extremes(), Extremes()

    @property
    def family(self) -> Family:
        """The family."""
        return self.sums.family

    def add(
        self,
        numbers: IntArray,
        of_rows: tuple[FloatArray, FloatArray, FloatArray | None],
        leverage: FloatArray | None = None,
    ) -> None:
        """The rows' numbers (m,), their targets, scores and weights (m,), and leverage (m,)."""
        y, scores, weights = of_rows
        self.sums.add(y, scores, weights)
        h = np.zeros(len(y)) if leverage is None else leverage
        counts = np.ones(len(y)) if weights is None else weights
        rows = np.column_stack([numbers.astype(np.float64), y, scores, h, counts])
        rows = rows[(h < FULL) & np.isfinite(scores)]
        self.rows += len(y)
        self._drawn.add(rows)
        y, scores, h = rows[:, 1], rows[:, 2], rows[:, 3]
        self._off.add(deviance_residuals(self.family, y, scores) ** 2 / (1 - h), rows)
        if leverage is not None:
            self._cook.add(_pearson(self.family, y, scores) ** 2 * h / (1 - h) ** 2, rows)

    def drawn(self, dispersion: float) -> "DrawnRows":
        """The rows, with residuals by their standard deviations at a ``dispersion``."""
        from dlcli.reports.charts.models.residuals import DrawnRows, OfFamily

        every, extreme = joined(self._drawn.rows(), [self._off.rows(), self._cook.rows()])
        number, y, scores, h, _ = every.T
        family, spread = self.family, np.sqrt(dispersion if dispersion > 0 else 1.0)
        mean, deviance = family.mean(scores), deviance_residuals(family, y, scores)
        standardized, normal = deviance / (spread * np.sqrt(1 - h)), normal_scores(family, y, mean, spread**2)
        across = {"log": "log(mean)", "identity": "mean", "inverse": "1 / mean"}[family.link]
        randomized = family.name in ("poisson", "negative-binomial") or not (family.positive or family.signed)
        name = "deviance residual" if normal is None else "quantile residual"
        shown = OfFamily(
            scores, f"predicted {across}", deviance, standardized if normal is None else normal,
            f"{name}{', randomized' if randomized and normal is not None else ''}",
            _pearson(family, y, scores) / (spread * np.sqrt(1 - h)), normal is not None,
        )  # fmt: skip
        return DrawnRows(
            self.rows, number.astype(np.int64), y, mean, standardized, None if self._rank is None else h,
            self._rank or 1, extreme, shown,
        )  # fmt: skip

    def sample(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Targets, means and weights (m,) of the rows drawn at random."""
        _, y, scores, _, weights = self._drawn.rows().T
        return y, self.family.mean(scores), weights


def deviance_residuals(family: Family, y: FloatArray, scores: FloatArray) -> FloatArray:
    """The root of each row's deviance, with the sign of what its target is off its mean, (n,)."""
    half = family.terms(scores, y, False)[0] - family.saturated(y)
    return np.asarray(np.sign(y - family.mean(scores)) * np.sqrt(np.maximum(2 * half, 0.0)))


def _pearson(family: Family, y: FloatArray, scores: FloatArray) -> FloatArray:
    """What targets are off their means by, divided by the root of the variance, but for the dispersion; (n,)."""
    mean = family.mean(scores)
    return np.asarray((y - mean) / np.sqrt(family.variance(mean)))
