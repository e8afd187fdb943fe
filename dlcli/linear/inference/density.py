"""Log-likelihoods of exponential families, of sums over rows that come block by block."""

import math
from dataclasses import replace

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.losses.families import Family
from dlcli.linear.objectives.responses import RowResponses

COUNTS = ("poisson", "negative-binomial")
MOST_COUNTED = 10_000_000  # the largest count up to which logarithms of all are summed one by one


class Density:
    """Sums over rows of what log-likelihoods need beside the deviance.

    ``precise``: a row's dispersion is divided by its weight, and it is one row; else a row is so many. Counts, which
    have no dispersion, weigh so much in either case, as R's and statsmodels' do.
    """

    def __init__(self, family: Family, *, precise: bool = False) -> None:
        self._family, self._precise = family, precise and family.name not in COUNTS
        self._rows, self._whole = 0.0, True
        self._logs = self._scaled = 0.0  # of the targets' logarithms, of each row and times its precision
        self._saturated = self._factorials = self._rising = 0.0
        self._precisions: list[FloatArray] = []

    def add(self, responses: RowResponses) -> None:
        """Targets (m,)."""
        family, y = self._family, responses.y
        self._saturated += float(responses.weighted(family.saturated(y)).sum())
        one_each = replace(responses, weights=None) if self._precise else responses
        self._rows += one_each.total()
        if self._precise and responses.weights is not None:
            self._precisions.append(responses.weights)
        if family.name in COUNTS:
            self._whole = self._whole and bool((y == np.floor(y)).all())
            if self._whole:
                self._factorials += log_factorials(y, responses.weights)
                self._rising += log_rising(y, family.alpha, responses.weights) if family.alpha else 0.0
        elif family.positive:
            self._logs += float(one_each.weighted(np.log(y)).sum())
            self._scaled += float(responses.weighted(np.log(y)).sum())

    def total(self, deviance: float, dispersion: float | None) -> float:
        """The log-likelihood of a fit by its deviance; nan where the family has no density."""
        family, n, loss = self._family, self._rows, deviance / 2 + self._saturated
        if family.name in COUNTS:
            return -loss + self._rising - self._factorials if self._whole else float("nan")
        if dispersion is None or not dispersion > 0:
            return float("nan")
        of_precisions = sum(float(np.log(w).sum()) for w in self._precisions) / 2
        if family.power == 0:
            least = -n / 2 * (math.log(2 * math.pi * deviance / n) + 1) if deviance > 0 else float("nan")
            return least + of_precisions
        if family.power == 2:
            return self._shapes(1 / dispersion) + (self._scaled - loss) / dispersion - self._logs
        if family.power == 3:
            width = n / 2 * math.log(2 * math.pi * dispersion)
            return -deviance / (2 * dispersion) - width - 1.5 * self._logs + of_precisions
        return float("nan")

    def _shapes(self, shape: float) -> float:
        """The sum over rows of a log a - log Gamma(a), with a gamma's shape a, ``shape`` times the precision."""
        if not self._precisions:
            return self._rows * (shape * math.log(shape) - math.lgamma(shape))
        every = shape * np.concatenate(self._precisions)
        return float(every @ np.log(every)) - math.fsum(map(math.lgamma, every.tolist()))


def _counted(y: FloatArray, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """The different values (m,) of y (n,), and how many there are of each, or what they weigh."""
    values, places = np.unique(y, return_inverse=True)
    return values, np.bincount(places, weights, minlength=len(values)).astype(np.float64)


def log_rising(y: FloatArray, alpha: float, weights: FloatArray | None = None) -> float:
    """The sum of log(1 (1 + alpha) ... (1 + alpha (y - 1))) of whole numbers (n,) with ``weights`` (n,)."""
    values, counts = _counted(y, weights)
    if not len(values) or values[-1] > MOST_COUNTED:
        r = 1 / alpha
        each = [math.lgamma(v + r) - math.lgamma(r) + v * math.log(alpha) for v in values.tolist()]
        return float(counts @ np.array(each))
    up_to = np.concatenate([[0.0], np.cumsum(np.log1p(alpha * np.arange(values[-1])))])
    return float(counts @ up_to[values.astype(np.int64)])


def log_factorials(y: FloatArray, weights: FloatArray | None = None) -> float:
    """The sum of log(y!) of whole numbers (n,) with ``weights`` (n,)."""
    values, counts = _counted(y, weights)
    return float(counts @ np.array([math.lgamma(value + 1) for value in values.tolist()]))
