"""Rows of a model of numbers, for its pictures: some drawn at random, and the most extreme of all."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.evaluation.huber import HuberSums
from dlcli.linear.evaluation.numbers import NumberSums
from dlcli.linear.evaluation.sample import Extremes, Leverage, Reservoir
from dlcli.linear.losses.pinball import PinballSums

if TYPE_CHECKING:
    from dlcli.reports.charts.models.residuals import DrawnRows

FULL = 1 - 1e-10  # leverage from which on a row decides its own prediction, and has no standardized residual


class NumberRows:
    """What pictures need of rows that come chunk by chunk; ``leverage`` where they are those trained on."""

    def __init__(self, sums: NumberSums | HuberSums | PinballSums, leverage: Leverage | None = None) -> None:
        self.sums, self._leverage = sums, leverage
        self.rows = 0
        self._drawn, self._off, self._cook = Reservoir(), Extremes(), Extremes()

    def add(
        self, numbers: IntArray, X: FloatArray, of_rows: tuple[FloatArray, FloatArray, FloatArray | None]
    ) -> None:  # fmt: skip
        """Rows X (m, w), none of whose values is missing, and their numbers (m,).

        ``of_rows``: targets, predictions and weights (m,).
        """
        y, predicted, weights = of_rows
        self.sums.add(y, predicted, weights)
        h = np.zeros(len(y)) if self._leverage is None else self._leverage.of_rows(X)
        counts = np.ones(len(y)) if weights is None else weights
        rows = np.column_stack([numbers.astype(np.float64), y, predicted, h, counts])
        rows, h = rows[h < FULL], h[h < FULL]
        self._drawn.add(rows)
        self.rows += len(y)
        squares = (rows[:, 1] - rows[:, 2]) ** 2 / (1 - h)
        self._off.add(squares, rows)
        if self._leverage is not None:
            self._cook.add(squares * h / (1 - h), rows)

    def drawn(self, spread: float) -> "DrawnRows":
        """The rows; ``spread`` is the residuals' standard deviation."""
        from dlcli.reports.charts.models.residuals import DrawnRows

        every, extreme = joined(self._drawn.rows(), [self._off.rows(), self._cook.rows()])
        number, actual, fitted, h, _ = every.T
        spread = spread if spread > 0 else 1.0
        return DrawnRows(
            self.rows, number.astype(np.int64), actual, fitted, (actual - fitted) / (spread * np.sqrt(1 - h)),
            None if self._leverage is None else h, 1 if self._leverage is None else self._leverage.rank,
            extreme,
        )  # fmt: skip

    def sample(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Targets, predictions and weights (m,) of the rows drawn at random."""
        _, actual, fitted, _, weights = self._drawn.rows().T
        return actual, fitted, weights


def joined(drawn: FloatArray, extremes: Sequence[FloatArray]) -> tuple[FloatArray, frozenset[int]]:
    """Rows (m, c) with their numbers in column 0, drawn at random and extreme, each once; and the numbers of those that
    are there as extremes alone.
    """
    known = set(drawn[:, 0].tolist())
    added = {row[0]: row for rows in extremes for row in rows if len(rows) and row[0] not in known}
    every = np.concatenate([drawn, np.reshape(list(added.values()), (-1, drawn.shape[1]))])
    return every, frozenset(int(number) for number in added)
