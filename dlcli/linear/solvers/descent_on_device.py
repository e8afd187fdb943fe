"""Mini-batches on a GPU, where the rows are: the parameters stay there, too, and nothing is read before a report."""

import time
from typing import Any

from dlcli.engine.arrays import FloatArray
from dlcli.engine.schedules.base import Schedule
from dlcli.linear.objectives.glm_torch import TorchObjective, to_numpy
from dlcli.linear.solvers.descent import MiniBatch, MiniBatchSettings
from dlcli.linear.solvers.momentum import NO_MOMENTUM, Momentum


class DeviceMiniBatch(MiniBatch):
    """The steps of ``MiniBatch``, to rounding. A schedule that needs gradients has them read in each step."""

    def __init__(
        self,
        objective: TorchObjective,
        schedule: Schedule,
        batches: MiniBatchSettings,
        *,
        adam: bool = False,
        momentum: Momentum = NO_MOMENTUM,
        start: FloatArray | None = None,
    ) -> None:
        super().__init__(objective, schedule, batches, adam=adam, momentum=momentum, start=start)
        self.there = objective
        self._order: Any = None
        self._moved_order: Any = None

    def advance(self, until: int, deadline: float) -> None:
        """Step to ``until``, one mini-batch each."""
        if self.schedule.needs_gradient:
            super().advance(until, deadline)
            return
        there = self.there
        theta, first, second = (there.moved(array) for array in (self.theta, self.first, self.second))
        penalized = there.moved(there.l1 * there.penalized)
        momentum, nesterov = self.momentum.factor, self.momentum.nesterov
        while self.step < until and time.monotonic() < deadline:
            look = theta + momentum * first if nesterov else theta
            rows = self._next_rows()  # before the mask, as both are drawn by one generator
            mask = self.sampler.mask(there.penalized)
            gradient = there.gradient_there(look, rows, None if mask is None else there.moved(mask))
            rate = self.schedule.rate(self.step)
            if self.adam:
                t = self.step + 1
                first = 0.9 * first + 0.1 * gradient
                second = 0.999 * second + 0.001 * gradient.square()
                rates = rate / ((second / (1 - 0.999**t)).sqrt() + 1e-8)
                theta = self._shrunk(theta - rates * (first / (1 - 0.9**t)), rates * penalized)
            else:
                moved = self._shrunk(theta + momentum * first - rate * gradient, rate * penalized)
                theta, first = moved, moved - theta
            self.step, self.lr = self.step + 1, rate
        self.theta, self.first, self.second = (to_numpy(tensor) for tensor in (theta, first, second))

    def _next_rows(self) -> Any:
        """Numbers of the next mini-batch's rows, on the device; an epoch's order goes there in one piece."""
        order, rows = self.sampler.next_in_order()
        if order is not self._order:
            self._order, self._moved_order = order, self.there.moved(order)
        return self._moved_order[rows]

    def _shrunk(self, theta: Any, threshold: Any) -> Any:
        return theta.sign() * (theta.abs() - threshold).clamp_(min=0) + 0.0 if self.there.l1 else theta
