"""What a fit of an exponential family says as a whole."""

from dataclasses import replace

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.evaluation.deviance import DevianceSums
from dlcli.linear.inference.density import Density
from dlcli.linear.inference.likelihood import Likelihood, Shape
from dlcli.linear.losses.alpha import Alpha
from dlcli.linear.losses.families import Family, family_of
from dlcli.linear.objectives.loss import loss_of
from dlcli.linear.objectives.responses import Responses, RowResponses
from dlcli.linear.problem import FitProblem
from dlcli.linear.start.alternating import at
from dlcli.linear.start.null import null_score

MOST_TURNS, SETTLED = 100, 1e-12


def family_likelihood(problem: FitProblem, theta: FloatArray, rank: int, *, intercept: bool) -> Likelihood:
    """That of parameters theta (p, 1); ``rank`` counts the coefficients that the data determine."""
    family, rows = family_of(problem.kind), problem.rows
    assert rows is not None
    sums, density = DevianceSums(family), Density(family, precise=problem.plan.columns.weighting.precision)
    for block in row_blocks(len(rows.responses)):
        own = rows.responses[block]
        sums.add(own.y, own.shifted(rows.Z[block] @ theta)[:, 0], own.weights)
        density.add(own)
    n = problem.observations
    freedom = n - rank
    null_mean = sums.mean if intercept else _mean_of_zero(family)
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
        shape, of_null = _of_alpha(at(rows.objective, theta), family, rows.responses[:], intercept=intercept)
    return Likelihood(
        n, rank, int(intercept), sums.deviance, null, at_best, of_null, dispersion, sums.pearson, shape
    )  # fmt: skip


def _of_alpha(found: Alpha, family: Family, responses: RowResponses, *, intercept: bool) -> tuple[Shape, float]:
    """An estimated alpha with its standard error, and the log-likelihood of the null model with its own."""
    shape = Shape(family.alpha, found.std_error(family.alpha))
    own = family
    for _ in range(MOST_TURNS):  # beside an offset the null model's mean depends on alpha, as any other's
        scores = _null_scores(own, responses, intercept=intercept)
        alpha = replace(found, mean=own.mean(scores)).estimate(own.alpha or family.alpha)
        before, own = own.alpha, replace(family, alpha=alpha) if alpha else Family("poisson", 1.0, 0.0, family.link)
        if abs(alpha - before) <= SETTLED * alpha:
            break
    sums, density = DevianceSums(own), Density(own)
    sums.add(found.y, _null_scores(own, responses, intercept=intercept), found.weights)
    density.add(replace(responses, offset=None))
    return shape, density.total(sums.deviance, 1.0)


def _null_scores(family: Family, responses: RowResponses, *, intercept: bool) -> FloatArray:
    """Those (n,) of the intercept beside the offset, or of the offset alone."""
    if responses.offset is not None:
        return responses.offset + (null_score(family, responses) if intercept else 0.0)
    first = family.score(float(np.average(responses.y, weights=responses.weights))) if intercept else 0.0
    return np.full(len(responses), first)


def _mean_of_zero(family: Family) -> float:
    """The mean of the score 0; nan where it has none."""
    zero = np.zeros(1)
    return float(family.mean(zero)[0]) if family.inside(zero) else float("nan")


def _null_of_offset(family: Family, responses: Responses, *, intercept: bool) -> float:
    """The deviance of the intercept beside the offset, or of the offset alone."""
    first, sums = null_score(family, responses) if intercept else 0.0, DevianceSums(family)
    for block in row_blocks(len(responses)):
        own = responses[block]
        sums.add(own.y, own.shifted(np.full((len(own), 1), first))[:, 0], own.weights)
    return sums.deviance
