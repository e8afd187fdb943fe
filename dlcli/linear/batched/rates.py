"""The learning rates of all replicas of a batch."""

from collections.abc import Sequence

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.schedules.open_loop import OpenLoop

READ_AHEAD = 256  # steps whose open-loop rates are computed at once


class BatchedRates:
    """Rates of ``schedules``, one for each replica. Those of open-loop schedules are read ahead."""

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        self.schedules = schedules
        self._closed = np.array([not isinstance(s, OpenLoop) for s in schedules])
        self._need_objective = np.array([s.needs_objective for s in schedules])
        self._table, self._table_start = np.zeros((0, len(schedules))), 0

    def need_objective(self, who: IntArray) -> bool:
        """Whether a schedule of the replicas ``who`` looks at the objective's value."""
        return bool(self._need_objective[who].any())

    def rates(self, t: int, who: IntArray, points: FloatArray, smooth: FloatArray, gradient: FloatArray) -> FloatArray:
        """Rates (m,) of step t of the replicas ``who`` (m,), with gradients and smooth values at ``points``."""
        closed = self._closed[who]
        rates = np.empty(len(who)) if closed.all() else self._open_rates(t)[who]
        for k in np.flatnonzero(closed).tolist():
            seen = Feedback(gradient[k].T, points[k].T, float(smooth[k]))
            rates[k] = self.schedules[who[k]].rate(t, seen)
        return rates

    def _open_rates(self, t: int) -> FloatArray:
        """Rates of step t of all replicas, nan for closed-loop schedules."""
        if not self._table_start <= t < self._table_start + len(self._table):
            nothing = np.full(READ_AHEAD, np.nan)
            columns = [s.rates(t, READ_AHEAD) if isinstance(s, OpenLoop) else nothing for s in self.schedules]
            self._table, self._table_start = np.stack(columns, axis=1), t
        rates: FloatArray = self._table[t - self._table_start]
        return rates
