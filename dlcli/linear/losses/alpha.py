"""The alpha of a negative binomial by maximum likelihood, at given means.

With x = alpha mu, the log-likelihood's derivative by alpha is, summed over rows,

  (log(1 + x) - x / (1 + x)) / alpha^2 - y mu / (1 + x) + sum over j < y of j / (1 + alpha j)

(Lawless 1987, "Negative binomial and mixed Poisson regression"), whose last part needs only how many targets there are
above each j.
"""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError

MOST_COUNTED = 10_000_000  # the largest target of which each number up to it is looked at
SMALL = 1e-2  # x below which log(1 + x) - x / (1 + x) is summed as a series: as a difference it would lose its digits
TERMS = 10
HIGHEST = 1e6
SETTLED = 1e-13


@dataclass(frozen=True)
class Alpha:
    """What an alpha is estimated from: targets, means and weights (n,)."""

    y: FloatArray
    mean: FloatArray
    weights: FloatArray | None = None

    def above(self) -> FloatArray:
        """The weight of targets above j, for j = 0, ..., as far as there are any."""
        largest = float(self.y.max(initial=0.0))
        if largest > MOST_COUNTED:
            raise DlcliError(
                f"--loss negative-binomial: ALPHA is estimated from counts up to {MOST_COUNTED:,}, got {largest:g}",
                "give ALPHA, as negative-binomial:0.5",
            )
        counts = np.bincount(self.y.astype(np.int64), self.weights)
        return np.cumsum(counts[::-1])[::-1][1:].astype(np.float64)

    def slope(self, alpha: float, above: FloatArray) -> float:
        """The log-likelihood's derivative at ``alpha``, at least 0."""
        j = np.arange(len(above))
        if alpha == 0:
            rows, of_counts = self.mean * (self.mean / 2 - self.y), above @ j
        else:
            x = alpha * self.mean
            rows = _curved(x) / alpha**2 - self.y * self.mean / (1 + x)
            of_counts = above @ (j / (1 + alpha * j))
        return float((rows.sum() if self.weights is None else rows @ self.weights) + of_counts)

    def information(self, alpha: float, above: FloatArray) -> float:
        """Minus the second derivative at ``alpha``."""
        x, j = alpha * self.mean, np.arange(len(above))
        rows = 2 * _curved(x) / alpha**3 - self.mean**2 / (alpha * (1 + x) ** 2) - self.y * self.mean**2 / (1 + x) ** 2
        total = rows.sum() if self.weights is None else rows @ self.weights
        return float(total + above @ (j**2 / (1 + alpha * j) ** 2))

    def std_error(self, alpha: float) -> float:
        """That of an estimate, from the observed information about it alone, as R's glm.nb has it of 1 / alpha."""
        information = self.information(alpha, self.above())
        return float(1 / np.sqrt(information)) if information > 0 else float("nan")

    def estimate(self, near: float = 1.0) -> float:
        """The estimate, sought from ``near`` on; 0 where the targets vary no more than a Poisson's."""
        above = self.above()
        if self.slope(0.0, above) <= 0:
            return 0.0
        low, high = 0.0, near
        while self.slope(high, above) > 0 and high < HIGHEST:
            low, high = high, high * 4
        alpha = near if low < near < high else (low + high) / 2
        for _ in range(200):
            slope = self.slope(alpha, above)
            low, high = (alpha, high) if slope > 0 else (low, alpha)
            bend = self.information(alpha, above)
            after = alpha + slope / bend if bend > 0 else -1.0
            after = after if low < after < high else (low + high) / 2
            if abs(after - alpha) <= SETTLED * alpha:
                return after
            alpha = after
        return alpha


def _curved(x: FloatArray) -> FloatArray:
    """log(1 + x) - x / (1 + x), with all its digits."""
    found = np.log1p(x) - x / (1 + x)
    small = x < SMALL
    if small.any():
        few, powers = x[small], np.arange(2, 2 + TERMS)
        terms = (-1.0) ** powers * (powers - 1) / powers
        found[small] = few**2 * np.polynomial.polynomial.polyval(few, terms)
    return found
