"""How near parameters are to the optimum where the Hessian is too large to be formed; see ``nearness``."""

from collections.abc import Callable

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.least_squares import LeastSquares, SpanUnits, Standardizer
from dlcli.linear.optimum.nearness import AWAY, PENALIZED, SINGULAR, UNIT, Nearness, share_of_size

ENOUGH = 1e-6  # of the gradient, what Newton's step leaves of it
MOST_STEPS = 500
Metric = Callable[[FloatArray], FloatArray]


def nearness_by_steps(objective: RowObjective, theta: FloatArray, squares: LeastSquares) -> Nearness | None:
    """Nearness of theta (p, k) to the optimum without L1, by Newton's step from conjugate gradients.

    (Nash 2000, "A survey of truncated-Newton methods".) It needs products with the Hessian only, but knows no standard
    errors: in their place stand 1 / sqrt(n H_jj), which they are never below. The steps are taken in the metric of
    least squares on the same rows, ``squares``: in any other, columns that nearly depend on each other would hide a
    long step behind a small gradient. None where they don't come to rest.
    """
    units = squares.units
    if squares.rank < len(squares.penalized):
        return SINGULAR
    value, gradient = objective.value_and_gradient(theta)
    if not np.isfinite(value) or not np.isfinite(gradient).all():
        return AWAY
    diagonal = objective.curvatures(theta)
    if not (diagonal > 0).all():
        return None
    move = newton_step(objective, theta, gradient, squares.solved, MOST_STEPS)
    if move is None:
        return None
    noise = _in_data_units(units, objective.unit / np.sqrt(diagonal * objective.total))
    change, values = np.abs(_values(units, move)), _values(units, theta)
    errors = change + UNIT * np.abs(values)
    kept = slice(0 if units.intercept else 1, None)
    share = PENALIZED if objective.l2 else 1.0
    off = share_of_size(values[kept], errors[kept], share * noise[kept])
    away = float(np.max((change / np.maximum(np.abs(values), noise))[kept]))
    return Nearness(off, True, None, move, away=away, formed=False)


def newton_step(
    objective: RowObjective, theta: FloatArray, gradient: FloatArray, metric: Metric, most: int
) -> FloatArray | None:
    """Newton's step (p, k) from theta without the Hessian, by at most so many preconditioned conjugate gradients.

    ``gradient`` is that of the smooth part; ``metric`` multiplies by what is near to the inverse of the Hessian. None
    where that isn't enough.
    """
    right = -gradient
    if theta.shape[1] > 1:  # adding the same to all classes changes nothing
        right = right - right.mean(axis=1, keepdims=True)
    x, rest = np.zeros_like(right), right.copy()
    scaled = metric(rest)
    along, size = scaled, float(np.sum(rest * scaled))
    goal = ENOUGH**2 * size
    for _ in range(most):
        if size <= goal:
            return x
        bent = objective.hessian_product(theta, along)
        curvature = float(np.sum(along * bent))
        if not curvature > 0:
            return None
        length = size / curvature
        x, rest = x + length * along, rest - length * bent
        scaled = metric(rest)
        before, size = size, float(np.sum(rest * scaled))
        along = scaled + size / before * along
    return None


def _values(units: Standardizer, theta: FloatArray) -> FloatArray:
    first, slopes = units.to_data(theta)
    return np.concatenate([first[None], slopes])


def _in_data_units(units: Standardizer, spread: FloatArray) -> FloatArray:
    """At most the spreads (1 + d, k) of intercept and coefficients, of those (p, k) in training units."""
    if isinstance(units, SpanUnits):
        return np.zeros((1 + len(units.basis), spread.shape[1]))
    if not units.intercept:
        return np.concatenate([np.zeros((1, spread.shape[1])), spread / units.scale[:, None]])
    return np.concatenate([spread[:1], spread[1:] / units.scale[:, None]])
