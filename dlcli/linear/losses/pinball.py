"""The pinball loss, whose least mean is at a quantile (Koenker and Bassett 1978), element by element."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray

# A row so near its quantile, as a share of both numbers, is at it: the optimum goes through some rows, and rounding
# would decide on which side they are.
AT = 1e-10
PINBALL_METRICS = ("loss", "pinball", "coverage", "mae", "rmse")


@dataclass(frozen=True)
class Pinball:
    """That of a ``quantile`` between 0 and 1; the score of a row is its quantile."""

    quantile: float
    classes = False

    def terms(self, score: FloatArray, y: FloatArray, second: bool) -> tuple[FloatArray, FloatArray, FloatArray | None]:
        """q r+ + (1 - q) r- of residuals r = y - s, a subgradient by the score, and 0; all (n,)."""
        r = y - score
        first = np.where(r > 0, -self.quantile, np.where(r < 0, 1 - self.quantile, 0.0))
        return -first * r, first, np.zeros_like(score) if second else None


class PinballSums:
    """Sums over rows of what the metrics of a quantile need."""

    exact = True  # no metric of them counts in bins

    def __init__(self, loss: Pinball) -> None:
        self.loss, self.rows = loss, 0.0
        self._sums = np.zeros(4)

    def add(self, y: FloatArray, scores: FloatArray, weights: FloatArray | None = None) -> None:
        """Targets, scores and weights (m,); without weights each row counts once."""
        r = y - scores
        below = r <= AT * (np.abs(y) + np.abs(scores))
        each = np.stack([self.loss.terms(scores, y, False)[0], below, np.abs(r), r * r])
        self._sums += each.sum(axis=1) if weights is None else each @ weights
        self.rows += len(y) if weights is None else float(weights.sum())

    def metrics(self) -> dict[str, float]:
        """The mean loss, once more by its name, the share of rows at or below their quantile, and errors about it."""
        with np.errstate(invalid="ignore", divide="ignore"):
            loss, coverage, mae, square = (float(total) for total in self._sums / np.float64(self.rows))
        return dict(zip(PINBALL_METRICS, (loss, loss, coverage, mae, float(np.sqrt(square))), strict=True))
