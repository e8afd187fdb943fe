"""The learning rate of each step of a network, and the rates of the optimizers' groups of weights."""

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
        self.origin, self.seconds = time.monotonic(), 0.0

    def update(self, step: int, loss: float, weights: FlatParameters) -> None:
        """Give the optimizers their rates for ``step``, counted from 1, whose ``loss`` and gradient are known."""
        self.lr = warmed_up(self._scheduled(step, loss, weights), step, self.settings.warmup)
        share = self.lr / self.schedule.lr
        for optimizer, rates in zip(self.optimizers, self.first_rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                if isinstance(group["lr"], Tensor):
                    group["lr"].fill_(rate * share)  # on the device, for steps that nobody waits for
                else:
                    group["lr"] = rate * share

    def _scheduled(self, step: int, loss: float, weights: FlatParameters) -> float:
        if self.settings.seconds is not None and isinstance(self.schedule, Annealed):
            return self.schedule.rate_at(min(1.0, self.seconds / self.settings.seconds))
        if not self.schedule.needs_gradient:
            return self.schedule.rate(step - 1)
        gradient, values = (t.cpu().double().numpy() for t in (weights.gradient, weights.flat.detach()))
        return self.schedule.rate(step - 1, Feedback(gradient, values, loss))

    def state_dict(self) -> tuple[dict[str, AnyArray], JsonObject]:
        """What the rest of the run depends on, as arrays and numbers, for a checkpoint."""
        schedule = self.schedule.state_dict()
        arrays: dict[str, AnyArray] = {f"schedule.{k}": v for k, v in schedule.items() if isinstance(v, np.ndarray)}
        numbers = {k: v for k, v in schedule.items() if not isinstance(v, np.ndarray)}
        return arrays, {"lr": self.lr, "seconds": self.seconds, "schedule": numbers}

    def load_state_dict(self, arrays: dict[str, AnyArray], numbers: JsonObject) -> None:
        """Take up what ``state_dict`` gave; ``arrays`` may hold those of other parts, too."""
        self.lr, self.seconds = numbers["lr"], numbers["seconds"]
        remembered = {n.removeprefix("schedule."): a for n, a in arrays.items() if n.startswith("schedule.")}
        self.schedule.load_state_dict(numbers["schedule"] | remembered)
