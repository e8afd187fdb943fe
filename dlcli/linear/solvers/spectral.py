"""Gradient descent on least squares, in the eigenbasis of A, where each step is a multiplication per mode.

With A = V diag(l) V' and e = V'(theta - theta*), a step of rate a takes e to (1 - a l) e. Momentum m makes it a
two-term recurrence, e(t+1) = c1 e(t) + c2 e(t-1), with
  heavy ball: c1 = 1 + m - a l,         c2 = -m
  Nesterov:   c1 = (1 + m)(1 - a l),    c2 = -m (1 - a l).
The iterates are those of the textbook loop. Schedules known in advance are multiplied up in blocks, so that a
million steps cost little; schedules that look at the gradient take one short step at a time.
"""

import time
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.log_steps import LOG_SPACED, log_spaced
from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.schedules.open_loop import Constant, OpenLoop
from dlcli.engine.solver import EXACT, GRADIENT_TOLERANCE, RUNNING
from dlcli.linear.objectives.least_squares import LeastSquares
from dlcli.linear.solvers.momentum import NO_MOMENTUM, Momentum
from dlcli.linear.solvers.solver import NOT_SEPARATED, PassedStep, Separation

BLOCK = 4096
State = tuple[FloatArray, FloatArray]  # e(t) and e(t-1), each of shape (p,)


@dataclass(frozen=True)
class Eigenbasis:
    """Eigenvalues l (p,) and eigenvectors V (p, p) of A, the optimum (p,) in their basis, and the objective there."""

    values: FloatArray
    vectors: FloatArray
    optimum: FloatArray
    floor: float

    @classmethod
    def of(cls, problem: LeastSquares) -> "Eigenbasis":
        """That of a problem. A direction that the data don't determine has no gradient: theta stays 0 there."""
        values, vectors = problem.modes
        _, b, constant = problem.quadratic
        live = values > 0
        optimum = np.where(live, vectors.T @ b / np.where(live, values, 1.0), 0.0)
        return cls(values, vectors, optimum, 0.5 * (constant - float(optimum @ (values * optimum))))

    def theta(self, e: FloatArray) -> FloatArray:
        """Theta, of shape (p, 1), at a distance e (p,) from the optimum."""
        with np.errstate(over="ignore", invalid="ignore"):
            return (self.vectors @ (self.optimum + e))[:, None]


class SpectralDescent:
    """Full-batch gradient descent (a ``LinearSolver``)."""

    noise_factor = EXACT
    separation: Separation = NOT_SEPARATED

    def __init__(
        self,
        problem: LeastSquares,
        schedule: Schedule,
        *,
        momentum: Momentum = NO_MOMENTUM,
        tolerance: float = 0.0,
        start: FloatArray | None = None,
    ) -> None:
        """From theta = ``start`` (p, 1), or from 0, by whose gradient the tolerance is measured in either case."""
        self.problem, self.schedule = problem, schedule
        self.momentum, self.tolerance = momentum, tolerance
        self.basis = Eigenbasis.of(problem)
        self.state: State = (-self.basis.optimum, -self.basis.optimum)
        self._passed: list[tuple[int, FloatArray]] = []  # log-spaced steps of a schedule that can't be repeated
        self.step = 0
        self.lr = float("nan")
        self.first_norm = self.gradient_norm()
        if start is not None:
            e = np.where(self.basis.values > 0, self.basis.vectors.T @ start[:, 0] - self.basis.optimum, 0.0)
            self.state = (e, e)
        self._begun = self.state
        self.termination = GRADIENT_TOLERANCE if self._small(self.state) else RUNNING

    def parameters(self) -> FloatArray:
        """Theta, of shape (p, 1)."""
        return self.basis.theta(self.state[0])

    def passed(self, last: int) -> list[PassedStep]:
        """Log-spaced steps before ``last`` with theta at each, from the closed form; those that it has taken.

        The steps themselves are multiplied up anew, in other groups: the last digits may differ.
        """
        schedule = self.schedule
        if not isinstance(schedule, OpenLoop):
            return [self._at(step, e) for step, e in self._passed if step < last]
        exact = isinstance(schedule, Constant)
        state = self._begun
        found, before = [], 0
        for step in log_spaced(min(last, self.step) if exact else min(last, self.step, BLOCK)):
            if step > before:
                with np.errstate(over="ignore", invalid="ignore", under="ignore"):
                    state = self._jump(schedule, state, before, step - before)
                before = step
            found.append(self._at(step, state[0]))
        return found

    def _at(self, step: int, e: FloatArray) -> PassedStep:
        theta = self.basis.theta(e)
        return PassedStep(step, self.problem.loss(theta[:, 0]), theta)

    def loss(self) -> float:
        """Mean squared error on the training rows."""
        return self.problem.loss(self.parameters()[:, 0])

    def objective(self) -> float:
        """Half the mean squared error and the penalty."""
        with np.errstate(over="ignore", invalid="ignore"):
            return max(self.basis.floor, 0.0) + 0.5 * float(np.sum(self.basis.values * self.state[0] ** 2))

    def gradient_norm(self) -> float:
        """Norm of the gradient l e, the same in every orthonormal basis."""
        return self._norm(self.state)

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self.schedule.step(loss)

    def advance(self, until: int, deadline: float) -> None:
        """Go to step ``until``, or to the step at which the gradient tolerance holds."""
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            schedule = self.schedule
            if not isinstance(schedule, OpenLoop):
                self._one_by_one(until, deadline)
                return
            most = until if isinstance(schedule, Constant) else BLOCK
            while self.step < until and self.termination.running and time.monotonic() < deadline:
                self._take_block(schedule, min(most, until - self.step))

    def _norm(self, state: State) -> float:
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            return float(np.sqrt(np.sum((self.basis.values * state[0]) ** 2)))

    def _small(self, state: State) -> bool:
        # Tolerance 0 asks for every step, even past a gradient of exactly 0.
        return self.tolerance > 0 and self._norm(state) <= self.tolerance * self.first_norm

    def _take_block(self, schedule: OpenLoop, count: int) -> None:
        """Take ``count`` steps at once; if the tolerance holds by then, only as many as it needs."""
        state = self._jump(schedule, self.state, self.step, count)
        if not self._small(state):
            self.state, self.step = state, self.step + count
        elif count == 1:
            self.state, self.step, self.termination = state, self.step + 1, GRADIENT_TOLERANCE
        else:
            # The norm falls steadily without momentum, so halving finds the first step that holds; with
            # momentum it finds one that holds while the step before it did not.
            half = count // 2
            self._take_block(schedule, half)
            if self.termination.running:
                self._take_block(schedule, count - half)
            return
        self.lr = float(schedule.rates(self.step - 1, 1)[0])

    def _jump(self, schedule: OpenLoop, state: State, start: int, count: int) -> State:
        if isinstance(schedule, Constant):
            return self._power(state, schedule.lr, count)
        rates = schedule.rates(start, count)
        decay = 1 - rates[:, None] * self.basis.values  # (count, p)
        if not self.momentum.factor:
            return np.multiply.reduce(decay, axis=0) * state[0], state[0]
        c1, c2 = self._recurrence(decay)
        m11, m12, m21, m22 = _product(c1, c2)
        return m11 * state[0] + m12 * state[1], m21 * state[0] + m22 * state[1]

    def _power(self, state: State, rate: float, count: int) -> State:
        decay = 1 - rate * self.basis.values
        if not self.momentum.factor:
            return decay**count * state[0], decay ** (count - 1) * state[0]
        c1, c2 = self._recurrence(decay)
        one, zero = np.ones_like(c1), np.zeros_like(c1)
        companion = np.stack([np.stack([c1, c2], -1), np.stack([one, zero], -1)], -2)  # (p, 2, 2)
        power = np.linalg.matrix_power(companion, count)
        after = power @ np.stack(state, -1)[:, :, None]
        return after[:, 0, 0], after[:, 1, 0]

    def _recurrence(self, decay: FloatArray) -> tuple[FloatArray, FloatArray]:
        m = self.momentum.factor
        if self.momentum.nesterov:
            return (1 + m) * decay, -m * decay
        return m + decay, np.full_like(decay, -m)

    def _one_by_one(self, until: int, deadline: float) -> None:
        values, optimum = self.basis.values, self.basis.optimum
        momentum, nesterov = self.momentum.factor, self.momentum.nesterov
        while self.step < until and self.termination.running and time.monotonic() < deadline:
            e = self.state[0]
            if self.step in LOG_SPACED:
                self._passed.append((self.step, e))
            look = e + momentum * (e - self.state[1]) if nesterov else e
            feedback = Feedback(values * look, look + optimum, self._objective_at(look))
            rate = self.schedule.rate(self.step, feedback)
            c1, c2 = self._recurrence(1 - rate * values)
            self.state = (c1 * e + c2 * self.state[1], e) if momentum else ((1 - rate * values) * e, e)
            self.step, self.lr = self.step + 1, rate
            if self._small(self.state):
                self.termination = GRADIENT_TOLERANCE

    def _objective_at(self, e: FloatArray) -> float:
        above = 0.5 * float(np.sum(self.basis.values * e * e))
        # Polyak's step needs the gap to the minimum: here it is known outright, not as a difference that cancels.
        return above if self.schedule.settings.polyak_target is None else max(self.basis.floor, 0.0) + above


def _product(c1: FloatArray, c2: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Product of the companion matrices [[c1, c2], [1, 0]] over time, latest leftmost, as four (p,) arrays.

    c1 and c2 have shape (count, p). Neighbors are multiplied pairwise, so the work is in whole arrays.
    """
    m11, m12, m21, m22 = c1, c2, np.ones_like(c1), np.zeros_like(c1)
    while len(m11) > 1:
        if len(m11) % 2:
            p = m11.shape[1]
            m11, m22 = (np.concatenate([m, np.ones((1, p))]) for m in (m11, m22))
            m12, m21 = (np.concatenate([m, np.zeros((1, p))]) for m in (m12, m21))
        a11, a12, a21, a22 = m11[1::2], m12[1::2], m21[1::2], m22[1::2]
        b11, b12, b21, b22 = m11[::2], m12[::2], m21[::2], m22[::2]
        m11, m12, m21, m22 = (
            a11 * b11 + a12 * b21, a11 * b12 + a12 * b22, a21 * b11 + a22 * b21, a21 * b12 + a22 * b22,
        )  # fmt: skip
    return m11[0], m12[0], m21[0], m22[0]
