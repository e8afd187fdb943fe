"""The model of the intercept alone: where fits begin that have no closed form, and what fits are tested against."""

import math

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.evaluation.ranking import middle
from dlcli.linear.losses.families import Family, family_of
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.objectives.losses import LogisticLoss
from dlcli.linear.objectives.responses import Responses

MOST_STEPS, SETTLED = 100, 1e-15


def null_score(family: Family, responses: Responses) -> float:
    """The intercept that fits best beside an offset, under the link log, where the loss is convex in it.

    Newton's method from the mean of the targets by that of the offset's exponentials, which is the answer of a Poisson.
    """
    own = responses[:]
    assert own.offset is not None
    offset, y = own.offset, own.y
    weights = np.ones(len(y)) if own.weights is None else own.weights
    first = math.log(float(weights @ y) / float(weights @ np.exp(offset)))
    for _ in range(MOST_STEPS):
        _, slope, bend = family.terms(offset + first, y, True)
        assert bend is not None
        step = float(weights @ slope) / float(weights @ bend)
        first -= step
        if abs(step) <= SETTLED * max(abs(first), 1.0):
            break
    return first


def median_start(objective: RowObjective, *, intercept: bool) -> FloatArray | None:
    """Parameters (p, 1) under which every row has the median of the targets less their offset; None, 0, without an
    intercept.
    """
    if not intercept:
        return None
    own, theta = objective.responses[:], np.zeros(objective.shape)
    theta[0] = middle(own.y if own.offset is None else own.y - own.offset, own.weights)
    return theta


def null_cross_entropy(responses: Responses, *, intercept: bool) -> float:
    """The sum over rows of two classes of the loss of the best intercept beside an offset, or of the offset alone.

    Newton's method in a bracket: the root is between those that the least and the largest offset alone would give.
    """
    own = responses[:]
    assert own.offset is not None
    offset, y, loss = own.offset, own.y, LogisticLoss()
    weights = np.ones(len(y)) if own.weights is None else own.weights
    share = float(weights @ y) / float(weights.sum())
    if not intercept or not 0 < share < 1:
        return float(weights @ loss.terms(offset, y, False)[0]) if not intercept else 0.0
    first = math.log(share / (1 - share))
    low, high = first - float(offset.max()), first - float(offset.min())
    at = (low + high) / 2
    for _ in range(MOST_STEPS):
        _, slopes, bends = loss.terms(offset + at, y, True)
        assert bends is not None
        slope, bend = float(weights @ slopes), float(weights @ bends)
        low, high = (at, high) if slope < 0 else (low, at)
        there = at - slope / bend if bend > 0 else high
        there = there if low <= there <= high else (low + high) / 2
        step, at = there - at, there
        if abs(step) <= SETTLED * max(abs(at), 1.0):
            break
    return float(weights @ loss.terms(offset + at, y, False)[0])


def null_start(objective: RowObjective | None, squares: LeastSquares) -> FloatArray | None:
    """Parameters (p, 1) under which every row has the mean of the targets; without an intercept None, which is 0.

    Where 0 has no mean, as under other links than log, they are those of ``_of_targets``. Raises DlcliError where these
    give some row no mean.
    """
    assert objective is not None
    family, theta = family_of(objective.kind), np.zeros(objective.shape)
    if squares.units.intercept:
        offset = objective.responses.offset is not None
        mean = float(squares.moments.mean[0])
        theta[0] = null_score(family, objective.responses) if offset else family.score(mean)
        return theta
    if family.inside(np.zeros(1)):
        return None
    theta = _of_targets(objective, family)
    if not all(family.inside(Z @ theta[:, 0]) for Z, _ in objective.blocks()):
        raise DlcliError(
            f"--link {family.link} --no-intercept: there is no start from which every row has a mean above 0",
            "use --link log, or leave out --no-intercept",
        )
    return theta


def _of_targets(objective: RowObjective, family: Family) -> FloatArray:
    """The first step of iterated least squares from the targets themselves, as R's glm begins; (p, 1).

    Zeros are taken for a tenth of the mean.
    """
    p = objective.shape[0]
    A, b = np.zeros((p, p)), np.zeros(p)
    tenth = 0.1 * sum(float(own.weighted(own.y).sum()) for _, own in objective.blocks()) / objective.total
    for Z, own in objective.blocks():
        scores = family.scores(np.where(own.y > 0, own.y, tenth))
        weighted = Z * own.weighted(family.weights(scores))[:, None]
        A += weighted.T @ Z
        b += weighted.T @ scores
    return np.asarray(np.linalg.lstsq(A, b, rcond=None)[0])[:, None]
