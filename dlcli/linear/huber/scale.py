"""The scale of residuals that Huber's threshold is a multiple of, estimated with the coefficients.

It is the median of |residual| divided by the third quartile of the normal distribution, so that of normal residuals it
is their standard deviation. Coefficients are those of least loss at that scale and the scale that of their residuals
(proposed beside his Proposal 2 in Huber 1981, "Robust Statistics", 7.8; what statsmodels' RLM and rlm of R's MASS solve
by default). From least squares on, the one is found given the other. As both are piecewise linear, a secant ends it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from dlcli.config.values.loss import HUBER_FIXED
from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.linear.data.table_data import row_blocks
from dlcli.linear.evaluation.ranking import middle
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.loss import Kind, Loss
from dlcli.linear.solvers.newton import Newton

QUARTILE = NormalDist().inv_cdf(0.75)
MOST_TURNS = 200
PLAIN = 3  # turns before a secant is trusted
STEEPEST = 0.9  # by how much a scale may follow the one before, for a secant
STEPS = 100  # of Newton's, of which each turn but the first needs a few
SETTLED = 1e-13
NOTHING = 1e-12  # of the targets' own scale: residuals that are all rounding
WORTH_A_START = 100_000
SUBSAMPLE = 16
ZERO = "use --loss huber-fixed:DELTA with DELTA in units of the target, or --loss quantile:0.5"


@dataclass(frozen=True)
class _Turn:
    """A scale, the scale of the residuals of the coefficients (p, 1) that are best at it."""

    scale: float
    found: float
    theta: FloatArray


def with_scale(objective_of: Callable[[Kind], RowObjective], delta: float) -> Kind:
    """Huber's loss with its threshold, ``delta`` times the scale; ``objective_of`` a kind is that over training rows.

    Raises DlcliError where half of the residuals are 0, so that there is no scale.
    """
    squares = objective_of("mse")
    begin = _fitted(squares, np.zeros(squares.shape))
    if squares.rows >= WORTH_A_START and squares.thins:
        begin = _solved(lambda kind: objective_of(kind).thinned(SUBSAMPLE), delta, begin, 1e-3).theta
    return _kind(delta, _solved(objective_of, delta, begin, SETTLED).scale)


def residual_scale(objective: RowObjective, theta: FloatArray) -> float:
    """The scale of the residuals of theta (p, 1)."""
    sizes, weights = np.empty(objective.rows), objective.responses[:].weights
    for block in row_blocks(objective.rows):
        own = objective.responses[block]
        sizes[block] = np.abs(own.y - own.shifted(objective.Z[block] @ theta)[:, 0])
    return middle(sizes, weights) / QUARTILE


def _kind(delta: float, scale: float) -> Kind:
    return Loss(HUBER_FIXED, delta * scale).kind


def _solved(objective_of: Callable[[Kind], RowObjective], delta: float, theta: FloatArray, settled: float) -> _Turn:
    """The scale that is found again."""
    squares = objective_of("mse")
    scale = residual_scale(squares, theta)
    least = NOTHING * residual_scale(squares, np.zeros(squares.shape))
    last: _Turn | None = None
    for turn in range(MOST_TURNS):
        if not scale > least:
            raise DlcliError("--loss huber: half of the residuals are 0, so they have no scale", ZERO)
        objective = objective_of(_kind(delta, scale))
        theta = _fitted(objective, theta)
        here = _Turn(scale, residual_scale(objective, theta), theta)
        if abs(here.found - scale) <= settled * scale:
            return here
        scale = _next(last, here) if turn >= PLAIN else here.found
        last = here
    assert last is not None
    return last


def _next(last: _Turn | None, here: _Turn) -> float:
    """Where the line through two turns meets scales that are found again; without such a line what was found."""
    if last is None or last.scale == here.scale:
        return here.found
    slope = (here.found - last.found) / (here.scale - last.scale)
    return here.scale + (here.found - here.scale) / (1 - slope) if abs(slope) <= STEEPEST else here.found


def _fitted(objective: RowObjective, start: FloatArray) -> FloatArray:
    solver = Newton(objective, 0.0, start)
    solver.advance(STEPS, float("inf"))
    return solver.theta
