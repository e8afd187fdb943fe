"""Schedules that listen: to the gradients of the steps, or to the losses of the reports."""

import math

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.engine.schedules.base import NO_FEEDBACK, Feedback, Schedule, ScheduleSettings, ScheduleState

POLYAK_CAP = 100  # times the first rate


class GradientBased(Schedule):
    """Schedules that look at the gradient before each step."""

    needs_gradient = True

    def rate(self, _t: int, feedback: Feedback = NO_FEEDBACK) -> float:
        """Rate of step t; called once a step, in order."""
        return self.next_rate(feedback)

    def next_rate(self, feedback: Feedback) -> float:
        """Rate of the step that comes next."""
        raise NotImplementedError


class AdaGradNorm(GradientBased):
    """AdaGrad-norm (Ward, Wu, Bottou 2019): a0 / sqrt(b0^2 + sum |g|^2), with b0 = 0."""

    decays = True
    follows_lr = False

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        super().__init__(settings, lr)
        self._sum_squares = 0.0

    def next_rate(self, feedback: Feedback) -> float:
        """Rate of the next step."""
        self._sum_squares += float(np.sum(feedback.gradient**2))
        return self.lr / math.sqrt(self._sum_squares) if self._sum_squares > 0 else self.lr

    def state_dict(self) -> ScheduleState:
        """The sum of squares."""
        return {"sum_squares": self._sum_squares}

    def load_state_dict(self, state: ScheduleState) -> None:
        """Take up what ``state_dict`` gave."""
        self._sum_squares = _number(state, "sum_squares")


class Polyak(GradientBased):
    """Polyak's step (f - f*) / |g|^2, capped at 100 times the first rate."""

    needs_objective = True
    follows_lr = False

    def next_rate(self, feedback: Feedback) -> float:
        """Rate of the next step."""
        square = float(np.sum(feedback.gradient**2))
        gap = feedback.objective - (self.settings.polyak_target or 0.0)
        return min(gap / square, POLYAK_CAP * self.lr) if square > 0 and gap > 0 else 0.0


class Hypergradient(GradientBased):
    """Hypergradient descent (Baydin et al. 2018): a(t) = a(t-1) + beta <g(t), g(t-1)>."""

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        super().__init__(settings, lr)
        self._rate = lr
        self._gradient: FloatArray | None = None

    def next_rate(self, feedback: Feedback) -> float:
        """Rate of the next step."""
        if self._gradient is not None:
            self._rate += self.settings.hyper_lr * float(np.sum(feedback.gradient * self._gradient))
        self._gradient = feedback.gradient.copy()
        return self._rate

    def state_dict(self) -> ScheduleState:
        """The last rate and gradient."""
        return {"rate": self._rate, "gradient": self._gradient}

    def load_state_dict(self, state: ScheduleState) -> None:
        """Take up what ``state_dict`` gave."""
        self._rate, self._gradient = _number(state, "rate"), _array(state, "gradient")


class BarzilaiBorwein(GradientBased):
    """Barzilai and Borwein (1988), long step: <s, s> / <s, y>."""

    follows_lr = False

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        super().__init__(settings, lr)
        self._rate = lr
        self._gradient: FloatArray | None = None
        self._parameters: FloatArray | None = None

    def next_rate(self, feedback: Feedback) -> float:
        """Rate of the next step."""
        if self._gradient is not None and self._parameters is not None:
            s = feedback.parameters - self._parameters
            y = feedback.gradient - self._gradient
            curvature = float(np.sum(s * y))
            self._rate = float(np.sum(s * s)) / curvature if curvature > 0 else self._rate
        self._gradient, self._parameters = feedback.gradient.copy(), feedback.parameters.copy()
        return self._rate

    def state_dict(self) -> ScheduleState:
        """The last rate, gradient and parameters."""
        return {"rate": self._rate, "gradient": self._gradient, "parameters": self._parameters}

    def load_state_dict(self, state: ScheduleState) -> None:
        """Take up what ``state_dict`` gave."""
        self._rate = _number(state, "rate")
        self._gradient, self._parameters = _array(state, "gradient"), _array(state, "parameters")


class Plateau(Schedule):
    """Lowers the rate by the decay factor after so many reports without a lower loss."""

    listens = decays = True

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        super().__init__(settings, lr)
        self._rate, self._best, self._bad_reports = lr, math.inf, 0

    def rate(self, _t: int, _feedback: Feedback = NO_FEEDBACK) -> float:
        """The rate since the last report."""
        return self._rate

    def step(self, loss: float) -> None:
        """Take the loss of a report."""
        if loss < self._best:
            self._best, self._bad_reports = loss, 0
            return
        self._bad_reports += 1
        if self._bad_reports >= self.settings.plateau_patience:
            self._rate, self._bad_reports = self._rate * self.settings.decay_factor, 0

    def state_dict(self) -> ScheduleState:
        """The rate, the lowest loss, and the reports since then."""
        return {"rate": self._rate, "best": self._best, "bad_reports": self._bad_reports}

    def load_state_dict(self, state: ScheduleState) -> None:
        """Take up what ``state_dict`` gave."""
        self._rate, self._best = _number(state, "rate"), _number(state, "best")
        self._bad_reports = int(_number(state, "bad_reports"))


def _number(state: ScheduleState, name: str) -> float:
    value = state[name]
    if not isinstance(value, (int, float)):
        raise ValueError(f"the schedule's {name} is no number")
    return float(value)


def _array(state: ScheduleState, name: str) -> FloatArray | None:
    value = state[name]
    if isinstance(value, (int, float)):
        raise ValueError(f"the schedule's {name} is no array")
    return value
