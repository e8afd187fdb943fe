"""Whether the residuals of least squares are as its tests suppose: their quantiles, shape, and order."""

import math

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.gaps import fill_gaps
from dlcli.linear.data.table_data import TableData
from dlcli.linear.evaluation.sample import Reservoir
from dlcli.reports.inference import Residuals

DRAWN = 100_000  # rows of which quartiles are found; of more a sample
FEWEST = 8  # rows of which D'Agostino's test says something


class ResidualShape:
    """What is summed over residuals, in the order of the rows.

    ``frequency`` weights stand for so many equal rows one after the other; others scale residuals by their roots.
    """

    def __init__(self, *, frequency: bool = True) -> None:
        self._frequency = frequency
        self._powers, self._about, self._total, self.rows = np.zeros(5), math.nan, 0.0, 0
        self._steps, self._last = 0.0, math.nan
        self._low, self._high = math.inf, -math.inf
        self._sample = Reservoir(DRAWN)

    def add(self, residuals: FloatArray, weights: FloatArray | None) -> None:
        """Residuals (m,) of the next rows, and their weights (m,) or None."""
        if not len(residuals):
            return
        if weights is not None and not self._frequency:
            residuals, weights = residuals * np.sqrt(weights), None
        counts = np.ones(len(residuals)) if weights is None else weights
        if math.isnan(self._about):  # near their mean, powers keep their digits
            self._about = float(counts @ residuals / counts.sum())
        apart = residuals - self._about
        self._powers += [float(counts @ apart**k) for k in range(5)]
        self._total += float(counts @ residuals**2)
        self._steps += float(np.sum(np.diff(residuals) ** 2))
        if self.rows:
            self._steps += (float(residuals[0]) - self._last) ** 2
        self._last, self.rows = float(residuals[-1]), self.rows + len(residuals)
        self._low, self._high = min(self._low, float(residuals.min())), max(self._high, float(residuals.max()))
        self._sample.add(np.column_stack([residuals, counts]))

    def found(self) -> Residuals | None:
        """The statistics; None where all residuals are 0, or there are none."""
        n = float(self._powers[0])
        if not n or not self._total:
            return None
        mean, second, third, fourth = (self._powers[1:] / n).tolist()
        variance = second - mean**2
        skewness = (third - 3 * mean * second + 2 * mean**3) / variance**1.5
        kurtosis = (fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4) / variance**2
        jarque_bera = n / 6 * (skewness**2 + (kurtosis - 3) ** 2 / 4)
        omnibus = dagostino(skewness, kurtosis, n) if n >= FEWEST else None
        q1, median, q3 = _quartiles(self._sample.rows())
        return Residuals(
            min=self._low, q1=q1, median=median, q3=q3, max=self._high,
            sampled=DRAWN if self.rows > DRAWN else None,
            skewness=skewness, kurtosis=kurtosis,
            jarque_bera=jarque_bera, jarque_bera_p=math.exp(-jarque_bera / 2),
            omnibus=omnibus, omnibus_p=None if omnibus is None else math.exp(-omnibus / 2),
            durbin_watson=self._steps / self._total,
        )  # fmt: skip


def dagostino(skewness: float, kurtosis: float, n: float) -> float:
    """D'Agostino and Pearson's K2 of ``n`` values, chi-square with two degrees of freedom if they are normal.

    D'Agostino (1970) for skewness, Anscombe and Glynn (1983) for kurtosis, b2 = 3 of a normal distribution.
    """
    y = skewness * math.sqrt((n + 1) * (n + 3) / (6 * (n - 2)))
    beta = 3 * (n * n + 27 * n - 70) * (n + 1) * (n + 3) / ((n - 2) * (n + 5) * (n + 7) * (n + 9))
    w2 = math.sqrt(2 * (beta - 1)) - 1
    alpha = math.sqrt(2 / (w2 - 1))
    of_skewness = math.asinh(y / alpha) / math.sqrt(0.5 * math.log(w2))
    spread = math.sqrt(24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5)))
    x = (kurtosis - 3 * (n - 1) / (n + 1)) / spread
    root = 6 * (n * n - 5 * n + 2) / ((n + 7) * (n + 9)) * math.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    a = 6 + 8 / root * (2 / root + math.sqrt(1 + 4 / root**2))
    denominator = 1 + x * math.sqrt(2 / (a - 4))
    third = math.copysign((abs((1 - 2 / a) / denominator)) ** (1 / 3), denominator) if denominator else math.nan
    of_kurtosis = (1 - 2 / (9 * a) - third) / math.sqrt(2 / (9 * a))
    return of_skewness**2 + of_kurtosis**2


def _quartiles(rows: FloatArray) -> list[float]:
    """Quartiles of values (n, 2) with how often each counts, as R's default type 7 has them of repeated values."""
    order = np.argsort(rows[:, 0], kind="stable")
    values, until = rows[order, 0], np.cumsum(rows[order, 1])
    places = (max(float(until[-1]), 1.0) - 1) * np.array([0.25, 0.5, 0.75])

    def at(place: FloatArray) -> FloatArray:
        found: FloatArray = values[np.minimum(np.searchsorted(until, place, side="right"), len(values) - 1)]
        return found

    below = np.floor(places)
    share = places - below
    found: list[float] = (at(below) * (1 - share) + at(below + 1) * share).tolist()
    return found


def residual_shape(data: TableData, intercept: float, slopes: FloatArray, *, frequency: bool) -> Residuals | None:
    """That of the training rows by ``slopes`` (d,), which takes another pass over rows that aren't kept."""
    shape, trained = ResidualShape(frequency=frequency), data.training_groups()
    for X, responses, groups in data.passed_again():
        own = np.isin(groups, trained)
        X, here = X[own], responses[:].of_rows(own)
        fill_gaps(X, data.fill)
        shape.add(here.y - intercept - X @ slopes, here.weights)
    return shape.found()
