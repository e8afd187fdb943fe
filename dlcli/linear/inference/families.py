"""What a fit of an exponential family says as a whole."""

import math
from dataclasses import replace

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.evaluation.deviance import DevianceSums
from dlcli.linear.inference.likelihood import Likelihood, Shape
from dlcli.linear.losses.alpha import Alpha
from dlcli.linear.losses.families import Family, family_of
from dlcli.linear.objectives.loss import loss_of
from dlcli.linear.objectives.responses import Responses, RowResponses
from dlcli.linear.problem import FitProblem
from dlcli.linear.start.alternating import at
from dlcli.linear.start.null import null_score

COUNTS = ("poisson", "negative-binomial")
MOST_COUNTED = 10_000_000  # the largest count up to which logarithms of all are summed one by one


def family_likelihood(problem: FitProblem, theta: FloatArray, rank: int, *, intercept: bool) -> Likelihood:
    """That of parameters theta (p, 1); ``rank`` counts the coefficients that the data determine."""
    family, rows = family_of(problem.kind), problem.rows
    assert rows is not None
    sums, density = DevianceSums(family), _Density(family)
    for block in row_blocks(len(rows.responses)):
        own = rows.responses[block]
        sums.add(own.y, own.shifted(rows.Z[block] @ theta)[:, 0], own.weights)
        density.add(own)
    n, freedom = sums.rows, sums.rows - rank
    null_mean = sums.mean if intercept else float(family.mean(np.zeros(1))[0])
    if rows.responses.offset is None:
        null = sums.null_deviance(null_mean)
    else:
        null = _null_of_offset(family, rows.responses, intercept=intercept)
    dispersion: float | None = 1.0
    if family.dispersed:
        dispersion = sums.pearson / freedom if freedom > 0 else None
    at_best, of_null, shape = density.total(sums.deviance, dispersion), density.total(null, dispersion), None
    if loss_of(problem.plan.kind).parameter is None and family.power is None:
        assert rows.objective is not None
        shape, of_null = _of_alpha(at(rows.objective, theta), family, null_mean)
    return Likelihood(
        n, rank, int(intercept), sums.deviance, null, at_best, of_null, dispersion, sums.pearson, shape
    )  # fmt: skip


def _of_alpha(found: Alpha, family: Family, null_mean: float) -> tuple[Shape, float]:
    """An estimated alpha with its standard error, and the log-likelihood of the null model with its own."""
    shape = Shape(family.alpha, found.std_error(family.alpha))
    null = replace(found, mean=np.full(len(found.y), null_mean))
    alpha = null.estimate(family.alpha)
    own = replace(family, alpha=alpha) if alpha else Family("poisson", 1.0, 0.0, "log")
    sums, density = DevianceSums(own), _Density(own)
    sums.add(found.y, np.full(len(found.y), own.score(null_mean)))
    density.add(RowResponses(found.y))
    return shape, density.total(sums.deviance, 1.0)


def _null_of_offset(family: Family, responses: Responses, *, intercept: bool) -> float:
    """The deviance of the intercept beside the offset, or of the offset alone."""
    first, sums = null_score(family, responses) if intercept else 0.0, DevianceSums(family)
    for block in row_blocks(len(responses)):
        own = responses[block]
        sums.add(own.y, own.shifted(np.full((len(own), 1), first))[:, 0], own.weights)
    return sums.deviance


class _Density:
    """Sums over rows of what log-likelihoods need beside the deviance."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self._rows, self._logs, self._whole = 0.0, 0.0, True
        self._saturated = self._factorials = self._rising = 0.0

    def add(self, responses: RowResponses) -> None:
        """Targets (m,)."""
        family, y = self._family, responses.y
        self._rows += responses.total()
        self._saturated += float(responses.weighted(family.saturated(y)).sum())
        if family.name in COUNTS:
            self._whole = self._whole and bool((y == np.floor(y)).all())
            if self._whole:
                self._factorials += log_factorials(y, responses.weights)
                self._rising += log_rising(y, family.alpha, responses.weights) if family.alpha else 0.0
        elif family.positive:
            self._logs += float(responses.weighted(np.log(y)).sum())

    def total(self, deviance: float, dispersion: float | None) -> float:
        """The log-likelihood of a fit by its deviance; nan where the family has no density."""
        family, n, loss = self._family, self._rows, deviance / 2 + self._saturated
        if family.name in COUNTS:
            return -loss + self._rising - self._factorials if self._whole else float("nan")
        if dispersion is None or not dispersion > 0:
            return float("nan")
        if family.power == 0:
            return -n / 2 * (math.log(2 * math.pi * deviance / n) + 1) if deviance > 0 else float("nan")
        if family.power == 2:
            shape = 1 / dispersion
            return n * (shape * math.log(shape) - math.lgamma(shape)) + (shape - 1) * self._logs - shape * loss
        if family.power == 3:
            return -deviance / (2 * dispersion) - n / 2 * math.log(2 * math.pi * dispersion) - 1.5 * self._logs
        return float("nan")


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
