"""Learning-rate schedules: the rate of step t, counted from 0.

Open-loop schedules depend on t alone and are computed for whole blocks of steps (``OpenLoop.rates``). Closed-loop
ones depend on what the steps saw (``Feedback``) or on the losses of reports, and keep state; each is asked once a
step, in order (``Schedule.rate``). Each class says itself what it needs; ``by_name.SCHEDULES`` has them by name.
"""

import math
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np

from dlcli.engine.arrays import FloatArray

ScheduleState: TypeAlias = dict[str, float | FloatArray | None]


@dataclass(frozen=True)
class Feedback:
    """What a schedule that needs gradients may look at before step t.

    gradient and parameters are of one shape, any shape; objective is the value being minimized, penalties
    included (less its minimum where that is known and ``polyak_target`` is None).
    """

    gradient: FloatArray
    parameters: FloatArray
    objective: float


NO_FEEDBACK = Feedback(np.zeros(0), np.zeros(0), math.nan)  # for schedules that need no gradients


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


class Schedule:
    """A schedule, bound to its constants and to its first rate ``lr`` (a0 in the formulas), which never changes."""

    needs_gradient: ClassVar[bool] = False
    needs_objective: ClassVar[bool] = False
    listens: ClassVar[bool] = False  # to the losses of reports
    decays: ClassVar[bool] = False  # its rates go towards 0
    follows_lr: ClassVar[bool] = True  # its rates are of the size of ``lr``, which may then be too large or too small

    def __init__(self, settings: ScheduleSettings, lr: float) -> None:
        self.settings, self.lr = settings, lr

    def rate(self, t: int, feedback: Feedback = NO_FEEDBACK) -> float:
        """Rate of step t; called once a step, in order."""
        raise NotImplementedError

    def step(self, loss: float) -> None:
        """Take the loss of a report (the validation loss where there is one)."""

    def state_dict(self) -> ScheduleState:
        """What the schedule remembers of the steps so far, for a checkpoint."""
        return {}

    def load_state_dict(self, state: ScheduleState) -> None:
        """Take up what ``state_dict`` gave. Raises KeyError for the state of another schedule."""
