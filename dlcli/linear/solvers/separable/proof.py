"""A proof that classes are separable, or that they are not, by linear programs.

Classes are separable where a direction puts no row on its wrong side and some on the right one (Albert and Anderson
1984): then cross-entropy has no minimum. Konis (2007, "Linear programming algorithms for detecting separated data in
binary logistic regression models") maximizes the sum of all margins, with none below 0 and theta bounded: it is above
0 exactly where there is such a direction. Here theta is bounded by its 1-norm, so that few columns take part, and
constraints enter as they are broken: few rows of many are near the boundary. What is found holds for every row, as
every row was asked; that there is none follows from the rows in the program, as more would only narrow it.
"""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.solvers.separable.margins import ROUNDING, Margins, Question
from dlcli.linear.solvers.solver import NOT_SEPARATED, Separation

MOST_VARIABLES = 2000  # parameters up to which a program takes seconds
FIRST, MORE = 1000, 200  # constraints to begin with, and those added in each round
MOST_ROUNDS = 100
NOTHING = 1e-13  # what is left of a value of 0, beside the largest of its row, after a column was centered
TIGHT = 1e-7  # a constraint of a solution that is met to this much is meant to be met exactly
INTERCEPT = 0.1  # what the intercept weighs in the norm: it is no column that takes part
PROGRAM = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}


class UnprovenError(Exception):
    """There are too many parameters, or the program found no end."""


def prove(objective: RowObjective) -> Separation:
    """Whether the classes of the rows are separable. Raises UnprovenError."""
    p, k = objective.shape
    if p * k > MOST_VARIABLES:
        raise UnprovenError
    weights = np.where(objective.penalized[:, 0] == 0, INTERCEPT, 1.0) * np.sqrt(objective.mean_squares())
    norm = np.repeat(np.where(weights > 0, weights, 1.0), k)
    settled: list[FloatArray] = []
    found = _ask(objective, settled, None)
    while found.open and len(settled) < p * k:  # each direction takes a dimension from those that are left
        direction = _direction(objective, settled, found, norm)
        if direction is None:
            break
        settled.append(direction)
        found = _ask(objective, settled, None)
    if not settled:
        return NOT_SEPARATED
    used = np.any([np.ptp(np.column_stack([d, np.zeros(p)]) if k == 1 else d, axis=1) > 0 for d in settled], axis=0)
    used &= objective.penalized[:, 0] != 0
    return Separation("partial" if found.open else "perfect", tuple(int(j) for j in np.flatnonzero(used)))


def _ask(objective: RowObjective, settled: list[FloatArray], candidate: FloatArray | None) -> Margins:
    p, k = objective.shape
    stride = max(1, objective.rows * max(k - 1, 1) // FIRST)
    past = np.array(settled).reshape(len(settled), p, k)
    return objective.constraints(Question(past, candidate, stride, MORE))


def _direction(
    objective: RowObjective, settled: list[FloatArray], found: Margins, norm: FloatArray
) -> FloatArray | None:
    """A direction (p, k) that breaks none of the open constraints and meets some with room; None: there is none."""
    rows, total = found.rows, found.total
    for _ in range(MOST_ROUNDS):
        theta = _program(rows, total, norm)
        if theta is None:
            return None
        candidate = theta.reshape(objective.shape)
        answer = _ask(objective, settled, candidate)
        if answer.worst >= -ROUNDING:
            return candidate if answer.reach > ROUNDING else None
        sizes = np.abs(rows) @ np.abs(theta)
        if np.any(rows @ theta < -ROUNDING * sizes):
            return None  # the program holds its constraints no better: there is none in double precision
        rows = np.concatenate([rows, answer.rows])
    raise UnprovenError


def _program(rows: FloatArray, total: FloatArray, norm: FloatArray) -> FloatArray | None:
    """The theta (q,) that maximizes total'theta with rows (m, q) times theta at least 0, sum norm |theta| at most 1.

    None where that is 0.
    """
    from scipy.optimize import linprog  # type: ignore[import-untyped]

    A, c = rows / norm, total / norm
    length = np.abs(A).max(axis=1, initial=0.0)
    A = A[length > 0] / length[length > 0, None]
    largest = float(np.abs(c).max())
    if largest == 0:
        return None
    inequalities = np.concatenate([np.concatenate([-A, A], axis=1), np.ones((1, 2 * len(c)))])
    bounds = np.concatenate([np.zeros(len(A)), [1.0]])
    cost = np.concatenate([-c, c]) / largest
    solved = linprog(cost, inequalities, bounds, method="highs-ds", options=PROGRAM)
    if solved.status != 0:
        raise UnprovenError
    theta = solved.x[: len(c)] - solved.x[len(c) :]
    if np.abs(theta).sum() < 0.5:  # it is 1, or 0 within what the program takes for 0
        return None
    return _exact(A, theta) / norm


def _exact(A: FloatArray, theta: FloatArray) -> FloatArray:
    """Theta with the constraints of A met exactly that the program met within its tolerance; columns of 0 stay so."""
    theta = np.where(np.abs(theta) > TIGHT * np.abs(theta).max(), theta, 0.0)
    used = theta != 0
    tight = A[np.abs(A @ theta) <= TIGHT][:, used]
    tight = np.where(np.abs(tight) > NOTHING, tight, 0.0)
    met = theta.copy()
    for _ in range(2):
        if len(tight):
            met[used] -= np.linalg.lstsq(tight, tight @ met[used], rcond=None)[0]
    # What can only be met by 0 was broken by less than the program sees; all rows are asked of it next.
    return met if np.abs(met).sum() > 0.5 else theta
