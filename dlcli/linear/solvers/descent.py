"""Solvers that take gradient steps one by one: full batch and mini-batches, with proximal L1."""

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.log_steps import LOG_SPACED
from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.solver import EXACT, GRADIENT_TOLERANCE, RUNNING
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.penalty import smallest_subgradient, soft_threshold
from dlcli.linear.solvers.momentum import NO_MOMENTUM, Momentum
from dlcli.linear.solvers.solver import NOT_SEPARATED, PassedStep, Separation


class Objective(Protocol):
    """What a gradient solver needs to know."""

    l1: float
    penalized: FloatArray
    shape: tuple[int, int]

    def loss(self, theta: FloatArray) -> float:
        """Mean loss without penalties."""

    def penalty(self, theta: FloatArray) -> float:
        """Both penalties."""

    def value_and_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """The smooth part and its gradient."""


class FirstOrder:
    """What solvers on rows or moments share: theta, and measures of it (``LinearSolver``)."""

    noise_factor = EXACT
    separation: Separation = NOT_SEPARATED

    def __init__(self, objective: Objective, tolerance: float, start: FloatArray | None = None) -> None:
        """From ``start``, or from 0, by whose gradient the tolerance is measured in either case."""
        self._objective, self.tolerance = objective, tolerance
        self.theta = np.zeros(objective.shape)
        self.step = 0
        self.lr = float("nan")
        self.termination = RUNNING
        self._passed: list[PassedStep] = []
        self.first_norm = self.gradient_norm()
        if start is not None:
            self.theta = start
            if not np.isfinite(self.first_norm):  # of means that 0 hasn't got
                self.first_norm = self.gradient_norm()

    def parameters(self) -> FloatArray:
        """Theta, (p, k)."""
        return self.theta.copy()

    def loss(self) -> float:
        """Mean loss on the training rows, without penalties."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._objective.loss(self.theta)

    def objective(self) -> float:
        """The value being minimized."""
        with np.errstate(over="ignore", invalid="ignore"):
            value, _ = self._objective.value_and_gradient(self.theta)
            l1 = self._objective.l1 * float(np.sum(np.abs(self._objective.penalized * self.theta)))
        return value + l1

    def gradient_norm(self) -> float:
        """Norm of the smallest subgradient."""
        with np.errstate(over="ignore", invalid="ignore"):
            _, gradient = self._objective.value_and_gradient(self.theta)
            return self.norm(self.theta, gradient)

    def norm(self, theta: FloatArray, gradient: FloatArray) -> float:
        """Norm of the smallest subgradient at theta, given the smooth gradient there."""
        if self._objective.l1:
            gradient = smallest_subgradient(theta, gradient, self._objective.l1 * self._objective.penalized)
        return float(np.linalg.norm(gradient))

    def note_loss(self) -> None:
        """Keep the loss at theta for a chart if the step is one of its; called where the objective knows it already."""
        if self.step in LOG_SPACED:
            self._passed.append(PassedStep(self.step, self._objective.loss(self.theta)))

    def passed(self, last: int) -> list[PassedStep]:
        """Log-spaced steps before ``last`` at which the objective knew the loss."""
        return [passed for passed in self._passed if passed.step < last]

    def small(self, norm: float) -> bool:
        """Whether the gradient tolerance holds."""
        return self.tolerance > 0 and norm <= self.tolerance * self.first_norm

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def scheduler_step(self, loss: float) -> None:
        """Ignore: there is no schedule that depends on the loss."""


class GradientDescent(FirstOrder):
    """Full-batch (proximal) gradient descent, with heavy-ball or Nesterov momentum."""

    def __init__(
        self,
        objective: Objective,
        schedule: Schedule,
        *,
        momentum: Momentum = NO_MOMENTUM,
        tolerance: float = 0.0,
        start: FloatArray | None = None,
    ) -> None:
        super().__init__(objective, tolerance, start)
        self.schedule, self.momentum = schedule, momentum
        self.velocity = np.zeros(objective.shape)

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self.schedule.step(loss)

    def advance(self, until: int, deadline: float) -> None:
        """Step to ``until``; the tolerance is checked at every step."""
        l1 = self._objective.l1 * self._objective.penalized
        momentum, nesterov = self.momentum.factor, self.momentum.nesterov
        with np.errstate(over="ignore", invalid="ignore"):
            while self.step < until and self.termination.running and time.monotonic() < deadline:
                look = self.theta + momentum * self.velocity if nesterov else self.theta
                value, gradient = self._objective.value_and_gradient(look)
                if not nesterov:
                    self.note_loss()
                if not nesterov and self.small(self.norm(look, gradient)):
                    self.termination = GRADIENT_TOLERANCE
                    return
                rate = self.schedule.rate(self.step, Feedback(gradient, look, value))
                moved = self.theta + momentum * self.velocity - rate * gradient
                theta = soft_threshold(moved, rate * l1) if self._objective.l1 else moved
                self.velocity = theta - self.theta
                self.theta, self.step, self.lr = theta, self.step + 1, rate
                if nesterov and self.small(self.gradient_norm()):
                    self.termination = GRADIENT_TOLERANCE


@dataclass(frozen=True)
class MiniBatchSettings:
    """How mini-batches are drawn: rows in each, the share of inputs zeroed, and the seed of both."""

    batch_size: int = 256
    dropout: float = 0.0
    seed: int = 0


class BatchSampler:
    """Mini-batches of ``rows`` rows, each epoch in a new order, and what dropout zeroes in each."""

    def __init__(self, rows: int, settings: MiniBatchSettings) -> None:
        self.rows, self.batch_size, self.dropout = rows, min(settings.batch_size, rows), settings.dropout
        self.random = np.random.default_rng(settings.seed)
        self._order = np.zeros(0, dtype=np.int64)
        self._next = 0

    def batch(self) -> IntArray:
        """Rows of the next mini-batch, (batch_size,)."""
        order, rows = self.next_in_order()
        return order[rows]

    def next_in_order(self) -> tuple[IntArray, slice]:
        """The epoch's order of all rows, the same array throughout, and where in it the next mini-batch is."""
        if self._next + self.batch_size > len(self._order):
            self._order, self._next = self.random.permutation(self.rows), 0
        start = self._next
        self._next += self.batch_size
        return self._order, slice(start, self._next)

    def mask(self, penalized: FloatArray) -> FloatArray | None:
        """Factors (batch_size, p) on a mini-batch's inputs, or None without dropout; ``penalized`` is (p, 1)."""
        if not self.dropout:
            return None
        shape = (self.batch_size, len(penalized))
        keep = (self.random.random(shape) >= self.dropout) / (1 - self.dropout)
        keep[:, penalized[:, 0] == 0] = 1.0
        return keep


class MiniBatch(FirstOrder):
    """Stochastic gradient descent (with momentum) or Adam (Kingma and Ba 2015) on mini-batches.

    Each epoch goes through the rows in a new order. ``dropout`` zeroes inputs, never the intercept, and scales the
    rest by 1/(1 - dropout). One step is one mini-batch.
    """

    # Steps of a constant size end at a floor of noise, which may lie above where they began.
    noise_factor = 30.0

    def __init__(
        self,
        objective: RowObjective,
        schedule: Schedule,
        batches: MiniBatchSettings,
        *,
        adam: bool = False,
        momentum: Momentum = NO_MOMENTUM,
        start: FloatArray | None = None,
    ) -> None:
        super().__init__(objective, 0.0, start)
        self.rows, self.schedule, self.adam = objective, schedule, adam
        self.momentum, self.sampler = momentum, BatchSampler(objective.rows, batches)
        self.first = np.zeros(objective.shape)
        self.second = np.zeros(objective.shape)

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self.schedule.step(loss)

    def advance(self, until: int, deadline: float) -> None:
        """Step to ``until``, one mini-batch each."""
        momentum, nesterov = self.momentum.factor, self.momentum.nesterov
        with np.errstate(over="ignore", invalid="ignore"):
            while self.step < until and time.monotonic() < deadline:
                look = self.theta + momentum * self.first if nesterov else self.theta
                gradient = self.rows.batch_gradient(look, self.sampler.batch(), self.sampler.mask(self.rows.penalized))
                rate = self.schedule.rate(self.step, Feedback(gradient, look, float("nan")))
                self.theta = self._adam_step(gradient, rate) if self.adam else self._plain_step(gradient, rate)
                self.step, self.lr = self.step + 1, rate

    def _plain_step(self, gradient: FloatArray, rate: float) -> FloatArray:
        theta = self.theta + self.momentum.factor * self.first - rate * gradient
        if self.rows.l1:
            theta = soft_threshold(theta, rate * self.rows.l1 * self.rows.penalized)
        # The velocity is of what moved in the end: at the optimum, where L1 holds the gradient, it must be 0.
        self.first = theta - self.theta
        return theta

    def _adam_step(self, gradient: FloatArray, rate: float) -> FloatArray:
        t = self.step + 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        rates = rate / (np.sqrt(self.second / (1 - 0.999**t)) + 1e-8)
        theta = self.theta - rates * (self.first / (1 - 0.9**t))
        if self.rows.l1:
            # The proximal step in the metric of the step before it (Yun, Lozano and Yang 2021): at rest there the
            # subgradient is 0, whatever the rates of the coordinates.
            theta = soft_threshold(theta, rates * self.rows.l1 * self.rows.penalized)
        return theta
