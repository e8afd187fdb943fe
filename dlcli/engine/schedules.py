"""Learning-rate schedules: the rate of step t, counted from 0.

Open-loop schedules depend on t alone and are computed for whole blocks of steps (``rates``). Closed-loop ones
depend on what the step saw (``Feedback``) and keep state; each is asked once a step, in order (``rate``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcli.engine.arrays import FloatArray


@dataclass(frozen=True)
class Feedback:
    """What a closed-loop schedule may look at before step t.

    gradient and parameters are of one shape, any shape; objective is the value being minimized, penalties
    included (less its minimum where that is known and ``polyak_target`` is None).
    """

    gradient: FloatArray
    parameters: FloatArray
    objective: float


@dataclass(frozen=True)
class ScheduleSettings:
    """Constants of the schedules; see ``FitLinearConfig`` for what each means to a user."""

    name: str = "constant"
    decay_rate: float = 0.01
    decay_factor: float = 0.5
    decay_every: int = 1000
    decay_power: float = 1.0
    hyper_lr: float = 0.001
    polyak_target: float | None = None
    plateau_patience: int = 5
    total_steps: int = 1000


BLOCK = 64  # relative rates that are computed at a time where steps ask for them one by one


class Schedule:
    """One schedule, bound to its first rate ``lr`` (a0 in the formulas) and its constants."""

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        self.settings = settings
        self.lr = lr
        self.closed_loop = settings.name in CLOSED_LOOP
        self._last = lr
        self._gradient: FloatArray | None = None
        self._parameters: FloatArray | None = None
        self._sum_squares = 0.0
        self._best = math.inf
        self._bad_reports = 0
        self._block_start, self._block = 0, list[float]()

    def rates(self, start: int, count: int) -> FloatArray:
        """Rates of steps start .. start + count - 1, of shape (count,); open-loop schedules only."""
        t = np.arange(start, start + count, dtype=np.float64)
        return self.lr * OPEN_LOOP[self.settings.name](t, self.settings)

    def rate_at(self, fraction: float) -> float:
        """Rate when this ``fraction`` of the run is over, for runs limited by time; annealing schedules only."""
        t = np.array([fraction * self.settings.total_steps])
        return float(self.lr * OPEN_LOOP[self.settings.name](t, self.settings)[0])

    def rate(self, t: int, feedback: Feedback) -> float:
        """Rate of step t; called once a step, in order."""
        if not self.closed_loop:
            if not 0 <= t - self._block_start < len(self._block):
                # From a multiple on: the last digit of a power may depend on its place among the others.
                self._block_start = t - t % BLOCK
                steps = np.arange(self._block_start, self._block_start + BLOCK, dtype=np.float64)
                self._block = OPEN_LOOP[self.settings.name](steps, self.settings).tolist()
            return self.lr * self._block[t - self._block_start]
        step = getattr(self, "_" + self.settings.name)
        self._last = float(step(feedback))
        if self.settings.name in ("hypergradient", "barzilai_borwein"):
            self._gradient, self._parameters = feedback.gradient.copy(), feedback.parameters.copy()
        return self._last

    def report(self, loss: float) -> None:
        """Tell the schedule the loss of a report (the validation loss where there is one); only plateau listens."""
        if self.settings.name != "plateau":
            return
        if loss < self._best:
            self._best, self._bad_reports = loss, 0
            return
        self._bad_reports += 1
        if self._bad_reports >= self.settings.plateau_patience:
            self._last, self._bad_reports = self._last * self.settings.decay_factor, 0

    def state(self) -> dict[str, Any]:
        """What the schedule remembers of the steps so far, for a checkpoint: numbers, and arrays or None."""
        return {name: getattr(self, name) for name in REMEMBERED}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what ``state`` gave."""
        for name in REMEMBERED:
            setattr(self, name, state[name])

    def _adagrad(self, feedback: Feedback) -> float:
        """AdaGrad-norm (Ward, Wu, Bottou 2019): a0 / sqrt(b0^2 + sum |g|^2), with b0 = 0."""
        self._sum_squares += float(np.sum(feedback.gradient**2))
        return self.lr / math.sqrt(self._sum_squares) if self._sum_squares > 0 else self.lr

    def _hypergradient(self, feedback: Feedback) -> float:
        """Hypergradient descent (Baydin et al. 2018): a(t) = a(t-1) + beta <g(t), g(t-1)>."""
        if self._gradient is None:
            return self.lr
        return self._last + self.settings.hyper_lr * float(np.sum(feedback.gradient * self._gradient))

    def _polyak(self, feedback: Feedback) -> float:
        """Polyak's step (f - f*) / |g|^2, capped at 100 times the first rate."""
        square = float(np.sum(feedback.gradient**2))
        gap = feedback.objective - (self.settings.polyak_target or 0.0)
        return min(gap / square, 100 * self.lr) if square > 0 and gap > 0 else 0.0

    def _barzilai_borwein(self, feedback: Feedback) -> float:
        """Barzilai and Borwein (1988), long step: <s, s> / <s, y>."""
        if self._gradient is None or self._parameters is None:
            return self.lr
        s = feedback.parameters - self._parameters
        y = feedback.gradient - self._gradient
        curvature = float(np.sum(s * y))
        return float(np.sum(s * s)) / curvature if curvature > 0 else self._last

    def _plateau(self, feedback: Feedback) -> float:
        return self._last


OPEN_LOOP: dict[str, Callable[[FloatArray, ScheduleSettings], FloatArray]] = {
    "constant": lambda t, s: np.ones_like(t),
    "time": lambda t, s: 1 / (1 + s.decay_rate * t),
    "step": lambda t, s: s.decay_factor ** np.floor(t / s.decay_every),
    "exponential": lambda t, s: s.decay_factor**t,
    "polynomial": lambda t, s: np.maximum(1 - t / s.total_steps, 0) ** s.decay_power,
    "cosine": lambda t, s: 0.5 * (1 + np.cos(np.pi * np.minimum(t / s.total_steps, 1))),
    "one_cycle": lambda t, s: _one_cycle(np.minimum(t / s.total_steps, 1)),
}
# These depend on t / T, so they can follow the time as well as the steps.
ANNEALED = ("polynomial", "cosine", "one_cycle")
REMEMBERED = ("_last", "_gradient", "_parameters", "_sum_squares", "_best", "_bad_reports")
CLOSED_LOOP = ("adagrad", "hypergradient", "polyak", "barzilai_borwein", "plateau")

WARM_UP, FIRST_SHARE = 0.3, 0.04  # of one-cycle, as in Smith and Topin (2018) and in PyTorch


def _one_cycle(p: FloatArray) -> FloatArray:
    """Shares of the largest rate: linear from a twenty-fifth to 1 over the first 30%, then half a cosine to 0."""
    up = FIRST_SHARE + (1 - FIRST_SHARE) * p / WARM_UP
    down = 0.5 * (1 + np.cos(np.pi * (p - WARM_UP) / (1 - WARM_UP)))
    return np.where(p < WARM_UP, up, down)
