"""The paired bootstrap: how far a difference of two models on the same rows may be chance.

Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapters 8 and 13.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray

RESAMPLES = 2000
CONFIDENCE = 0.95
GROUPS = 10_000  # of more rows, groups are drawn, of every 10,000th row each
DRAWN = 4_000_000  # indices in memory at once

# Statistics (b,) of the two models, from sums (b, k) over rows.
Statistic = Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True)
class Difference:
    """A statistic of two models on the same rows, their difference, and the interval of that."""

    first: float
    second: float
    low: float
    high: float

    @property
    def difference(self) -> float:
        """The first less the second."""
        return self.first - self.second

    @property
    def beyond_chance(self) -> bool:
        """Whether the interval leaves 0 out; never of one that isn't known."""
        return self.low > 0 or self.high < 0


def grouped(columns: FloatArray) -> FloatArray:
    """Sums (g, k) of the rows of ``columns`` (n, k): each by itself, or of many in groups of every 10,000th."""
    rows = len(columns)
    if rows <= GROUPS:
        return columns
    group = np.arange(rows) % GROUPS
    return np.stack([np.bincount(group, weights=column, minlength=GROUPS) for column in columns.T], axis=1)


def differences(columns: FloatArray, statistics: dict[str, Statistic], seed: int) -> dict[str, Difference]:
    """Each statistic of rows whose sums are of ``columns`` (n, k), with percentile intervals of confidence 0.95.

    The rows are drawn with replacement, the same for both models and all statistics. An interval is nan where a draw
    has no value, as of one row.
    """
    sums = grouped(columns)
    rng, count = np.random.default_rng(seed), len(sums)
    part = max(1, DRAWN // count)
    drawn = np.concatenate(
        [
            sums[rng.integers(0, count, (min(part, RESAMPLES - start), count))].sum(axis=1)
            for start in range(0, RESAMPLES, part)
        ]
    )
    ends = [100 * (1 - CONFIDENCE) / 2, 100 * (1 + CONFIDENCE) / 2]
    found = {}
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for name, statistic in statistics.items():
            first, second = (float(value[0]) for value in statistic(sums.sum(axis=0, keepdims=True)))
            each, other = statistic(drawn)
            gaps = each - other
            known = count > 1 and bool(np.isfinite(gaps).all())
            low, high = np.percentile(gaps, ends) if known else (np.nan, np.nan)
            found[name] = Difference(first, second, float(low), float(high))
    return found
