"""The learning rate of each step of a network, and the rates of the optimizers' groups of weights."""

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from dlcli.engine.arrays import AnyArray
from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.schedules.open_loop import Annealed
from dlcli.files import JsonObject
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.training.step.settings import NetworkSettings

RAISED = 1.001  # times, from which on a rate is worth a word


def warmed_up(lr: float, step: int, warmup: int) -> float:
    """``lr``, in the first ``warmup`` steps less: it rises in proportion to ``step``, counted from 1."""
    return lr * (step / warmup) if step < warmup else lr


class LearningRate:
    """The schedule's rate, warmed up; each optimizer's is its own first rate times the schedule's relative rate.

    ``seconds`` is the time since ``origin``, when the run began (time.monotonic; earlier by what was spent before it
    was taken up again). Annealing goes by it in a run that is limited by time.
    """

    def __init__(
        self, schedule: Schedule, optimizers: Sequence[torch.optim.Optimizer], settings: NetworkSettings
    ) -> None:
        self.schedule, self.optimizers, self.settings = schedule, optimizers, settings
        self.first_rates = [[float(g["lr"]) for g in o.param_groups] for o in optimizers]
        self.lr = schedule.lr
        self.factor = 1.0  # on the schedule's rates, in a run that was to be shorter
        self._sum, self._count = 0.0, 0  # of the scheduled rates so far, relative to the first
        self._before: list[float] = []  # the sums before each step that may be taken back
        self.origin, self.seconds = time.monotonic(), 0.0

    def update(self, step: int, loss: float, weights: FlatParameters) -> None:
        """Give the optimizers their rates for ``step``, counted from 1, whose ``loss`` and gradient are known."""
        scheduled = self.factor * self._scheduled(step, loss, weights)
        self._count_in(scheduled)
        self.lr = warmed_up(scheduled, step, self.settings.warmup)
        share = self.lr / self.schedule.lr
        for optimizer, rates in zip(self.optimizers, self.first_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate * share)  # on the device, for steps that nobody waits for
                else:
                    group["lr"] = rate * share

    def left_out(self, step: int) -> None:
        """``step`` was bad: its rate has passed nevertheless, as where steps aren't waited for."""
        if not self.schedule.needs_gradient:
            self._count_in(self.factor * self._scheduled(step, math.nan, None))

    def taken_back(self, steps: int) -> None:
        """The last ``steps``, which weren't waited for, were none."""
        for _ in range(steps):
            self._sum, self._count = self._before.pop(), self._count - 1

    def settled(self) -> None:
        """No step before is taken back any more."""
        self._before.clear()

    def _count_in(self, rate: float) -> None:
        self._before.append(self._sum)
        self._sum, self._count = self._sum + rate / self.schedule.lr, self._count + 1

    def _scheduled(self, step: int, loss: float, weights: FlatParameters | None) -> float:
        if self.settings.seconds is not None and isinstance(self.schedule, Annealed):
            return self.schedule.rate_at(min(1.0, self.seconds / self.settings.seconds))
        if not self.schedule.needs_gradient:
            return self.schedule.rate(step - 1)
        assert weights is not None
        gradient, values = (t.cpu().double().numpy() for t in (weights.gradient, weights.flat.detach()))
        return self.schedule.rate(step - 1, Feedback(gradient, values, loss))

    def lengthened(self, step: int) -> bool:
        """The run, which was to end otherwise, goes on from ``step``; whether its rates are raised for that."""
        if not isinstance(self.schedule, Annealed) or not self._count:
            return False
        by_time = self.settings.seconds
        fraction = step / self.settings.steps if by_time is None else self.seconds / by_time
        self.factor = self.schedule.making_up(fraction, self._sum / self._count)
        return self.factor > RAISED

    def state_dict(self) -> tuple[dict[str, AnyArray], JsonObject]:
        """What the rest of the run depends on, as arrays and numbers, for a checkpoint."""
        schedule = self.schedule.state_dict()
        arrays: dict[str, AnyArray] = {f"schedule.{k}": v for k, v in schedule.items() if isinstance(v, np.ndarray)}
        numbers = {k: v for k, v in schedule.items() if not isinstance(v, np.ndarray)}
        so_far = {"factor": self.factor, "sum": self._sum, "count": self._count}
        return arrays, {"lr": self.lr, "seconds": self.seconds, "schedule": numbers, "rates": so_far}

    def load_state_dict(self, arrays: dict[str, AnyArray], numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave; ``arrays`` may hold those of other parts, too."""
        self.lr, self.seconds = numbers["lr"], numbers["seconds"]
        so_far = numbers.get("rates", {"factor": 1.0, "sum": 0.0, "count": 0})  # older checkpoints have none
        self.factor, self._sum, self._count = so_far["factor"], so_far["sum"], so_far["count"]
        remembered = {n.removeprefix("schedule."): a for n, a in arrays.items() if n.startswith("schedule.")}
        self.schedule.load_state_dict(numbers["schedule"] | remembered)
