"""Solvers that take gradient steps one by one: full batch and mini-batches, with proximal L1."""

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.log_steps import LOG_SPACED
from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.solver import EXACT, GRADIENT_TOLERANCE, RUNNING
from dlcli.linear.objectives.glm import RowObjective
from dlcli.linear.objectives.penalty import smallest_subgradient, soft_threshold


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
    separated = ""

    def __init__(self, objective: Objective, tolerance: float) -> None:
        self._objective, self.tolerance = objective, tolerance
        self.theta = np.zeros(objective.shape)
        self.step = 0
        self.lr = float("nan")
        self.termination = RUNNING
        self.passed: list[tuple[int, float]] = []  # losses at log-spaced steps, where they cost nothing
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
            self.passed.append((self.step, self._objective.loss(self.theta)))

    def small(self, norm: float) -> bool:
        """Whether the gradient tolerance holds."""
        return self.tolerance > 0 and norm <= self.tolerance * self.first_norm

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def scheduler_step(self, loss: float) -> None:
        """Ignore: there is no schedule that depends on the loss."""


class GradientDescent(FirstOrder):
    """Full-batch (proximal) gradient descent from theta = 0, with heavy-ball or Nesterov momentum."""

    def __init__(
        self,
        objective: Objective,
        schedule: Schedule,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        tolerance: float = 0.0,
    ) -> None:
        super().__init__(objective, tolerance)
        self.schedule, self.momentum, self.nesterov = schedule, momentum, nesterov
        self.velocity = np.zeros(objective.shape)

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self.schedule.step(loss)

    def advance(self, until: int, deadline: float) -> None:
        """Step to ``until``; the tolerance is checked at every step."""
        l1 = self._objective.l1 * self._objective.penalized
        with np.errstate(over="ignore", invalid="ignore"):
            while self.step < until and self.termination.running and time.monotonic() < deadline:
                look = self.theta + self.momentum * self.velocity if self.nesterov else self.theta
                value, gradient = self._objective.value_and_gradient(look)
                if not self.nesterov:
                    self.note_loss()
                if not self.nesterov and self.small(self.norm(look, gradient)):
                    self.termination = GRADIENT_TOLERANCE
                    return
                rate = self.schedule.rate(self.step, Feedback(gradient, look, value))
                moved = self.theta + self.momentum * self.velocity - rate * gradient
                theta = soft_threshold(moved, rate * l1) if self._objective.l1 else moved
                self.velocity = theta - self.theta
                self.theta, self.step, self.lr = theta, self.step + 1, rate
                if self.nesterov and self.small(self.gradient_norm()):
                    self.termination = GRADIENT_TOLERANCE


@dataclass(frozen=True)
class MiniBatchSettings:
    """How mini-batches are drawn: rows in each, the share of inputs zeroed, and the seed of both."""

    batch_size: int = 256
    dropout: float = 0.0
    seed: int = 0


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
        momentum: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(objective, 0.0)
        self.rows, self.schedule, self.adam = objective, schedule, adam
        self.batch_size = min(batches.batch_size, objective.rows)
        self.momentum, self.nesterov, self.dropout = momentum, nesterov, batches.dropout
        self.random = np.random.default_rng(batches.seed)
        self.first = np.zeros(objective.shape)
        self.second = np.zeros(objective.shape)
        self._order = np.zeros(0, dtype=np.int64)
        self._next = 0

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self.schedule.step(loss)

    def advance(self, until: int, deadline: float) -> None:
        """Step to ``until``, one mini-batch each."""
        with np.errstate(over="ignore", invalid="ignore"):
            while self.step < until and time.monotonic() < deadline:
                look = self.theta + self.momentum * self.first if self.nesterov else self.theta
                gradient = self.rows.batch_gradient(look, self._batch(), self._mask())
                rate = self.schedule.rate(self.step, Feedback(gradient, look, float("nan")))
                self.theta = self._adam_step(gradient, rate) if self.adam else self._plain_step(gradient, rate)
                self.step, self.lr = self.step + 1, rate

    def _plain_step(self, gradient: FloatArray, rate: float) -> FloatArray:
        theta = self.theta + self.momentum * self.first - rate * gradient
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

    def _batch(self) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        if self._next + self.batch_size > len(self._order):
            self._order, self._next = self.random.permutation(self.rows.rows), 0
        start = self._next
        self._next += self.batch_size
        return self._order[start : self._next]

    def _mask(self) -> FloatArray | None:
        if not self.dropout:
            return None
        shape = (self.batch_size, self.rows.shape[0])
        keep = (self.random.random(shape) >= self.dropout) / (1 - self.dropout)
        keep[:, self.rows.penalized[:, 0] == 0] = 1.0
        return keep
