"""Many full-batch gradient descents on the same rows in lockstep: a grid of learning rates for the price of a few.

All members take step t together, from one pass over the rows (``dlcli.linear.objectives.glm_batched``). What they
compute is what ``GradientDescent`` computes for each alone. Arrays are (members, outputs, p).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.schedules.base import Feedback, Schedule
from dlcli.engine.schedules.open_loop import OpenLoop
from dlcli.engine.solver import EXACT, GRADIENT_TOLERANCE, RUNNING
from dlcli.linear.objectives.glm_batched import BatchedSums
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import smallest_subgradient, soft_threshold
from dlcli.linear.solvers.solver import PassedStep

READ_AHEAD = 256  # steps whose open-loop rates are computed at once

BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True)
class RowReplica:
    """One descent of a stack, with ``GradientDescent``'s options; ``schedule.lr`` is its first rate."""

    schedule: Schedule
    momentum: float = 0.0
    nesterov: bool = False
    tolerance: float = 0.0
    l1: float = 0.0
    l2: float = 0.0


class BatchedDescent:
    """One member of a stack, as a solver for the training loop (a ``LinearSolver``).

    Drive each with a loop of its own under the same limits, a report of each in turn. The first that is told to
    advance takes the whole stack along.
    """

    noise_factor = EXACT
    separated = ""

    def __init__(self, stack: "BatchedRows", index: int, member: RowReplica) -> None:
        self._stack, self.index, self.member = stack, index, member
        self.step = 0
        self.lr = float("nan")
        self.termination = RUNNING

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, until: int, deadline: float) -> None:
        """Take the stack to ``until`` unless it is there; the tolerance is checked at every step."""
        self._stack.advance(self.index, until, deadline)

    def parameters(self) -> FloatArray:
        """Theta, (p, outputs)."""
        theta: FloatArray = self._stack.theta[self.index].T.copy()
        return theta

    def loss(self) -> float:
        """Mean loss on the training rows, without penalties."""
        return float(self._stack.evaluated(self.index).loss[self.index])

    def objective(self) -> float:
        """The value being minimized."""
        return float(self._stack.evaluated(self.index).objective[self.index])

    def gradient_norm(self) -> float:
        """Norm of the smallest subgradient."""
        return float(self._stack.evaluated(self.index).norm[self.index])

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self._stack.scheduler_step(self.index, loss)

    def passed(self, _last: int) -> list[PassedStep]:
        """None: searches draw no curves."""
        return []


class Values:
    """What is known of each member at its present theta: loss (without penalties), objective, norm, gradient.

    ``smooth`` and ``gradient`` are those of the objective without l1. ``known`` says which members' are up to date.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        self.loss, self.smooth, self.objective, self.norm = np.zeros((4, shape[0]))
        self.gradient = np.zeros(shape)
        self.known = np.zeros(shape[0], dtype=bool)


class BatchedRows:
    """Descents from theta = 0 over rows Z (n, p) and y (n,); ``penalized`` (p,) is 0 for the intercept, else 1.

    Rates of open-loop schedules are read ahead: a schedule's first rate is not to be changed after the first step.
    """

    def __init__(
        self, Z: FloatArray, y: FloatArray, kind: Kind, outputs: int, penalized: FloatArray,
        members: Sequence[RowReplica],
    ) -> None:  # fmt: skip
        self.members = [BatchedDescent(self, k, member) for k, member in enumerate(members)]
        self._sums, self._rows, self._loss_scale = BatchedSums(Z, y, kind), len(y), 2.0 if kind == "mse" else 1.0
        self._schedules = [m.schedule for m in members]
        self._penalized = penalized
        self._momentum, self._l1, self._l2 = np.array([[m.momentum, m.l1, m.l2] for m in members]).T[:, :, None, None]
        self._nesterov = np.array([m.nesterov for m in members])
        self._tolerance = np.array([m.tolerance for m in members])
        self._closed = np.array([not isinstance(s, OpenLoop) for s in self._schedules])
        self._sees = np.array([s.needs_objective for s in self._schedules])
        self._table, self._table_start = np.zeros((0, len(members))), 0

        count, shape = len(members), (len(members), outputs, Z.shape[1])
        self.theta, self._velocity = np.zeros(shape), np.zeros(shape)
        self._step, self._lr = np.zeros(count, dtype=np.int64), np.full(count, np.nan)
        self._converged, self._retired = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        self._before: dict[int, tuple[FloatArray, FloatArray, int, float]] = {}
        self._values = Values(shape)
        self._small_norm = self._tolerance * self.evaluated(0).norm

    def retire(self, solver: BatchedDescent) -> None:
        """Drop a member that is finished or pruned; it stays as it is, and later products are narrower."""
        self._retired[solver.index] = True

    def advance(self, index: int, until: int, deadline: float) -> None:
        """Take every member that is neither converged nor retired to ``until``, or as far as the deadline allows."""
        live = np.flatnonzero(~(self._retired | self._converged))
        try:
            if index in live and self._step[index] < until:
                self._remember(live[live != index])
                self._run(live, until, deadline)
        finally:
            self._before.pop(index, None)
            # Only the one that asked is told: to the loops of the others, the steps are still to come.
            solver = self.members[index]
            solver.step, solver.lr = int(self._step[index]), float(self._lr[index])
            solver.termination = GRADIENT_TOLERANCE if self._converged[index] else RUNNING

    def _remember(self, others: IntArray) -> None:
        """Keep where the members stand that may have to take the coming steps again (``scheduler_step``)."""
        for k in others.tolist():
            if k not in self._before and self._schedules[k].listens:
                state = self.theta[k].copy(), self._velocity[k].copy(), int(self._step[k]), float(self._lr[k])
                self._before[k] = state

    def scheduler_step(self, index: int, loss: float) -> None:
        """Tell a member's schedule the loss of a report.

        The loop does so when the member's turn comes again, and by then the first member has taken the stack on. In
        the rare case that the schedule now lowers its rate, the member takes those steps anew, alone.
        """
        schedule = self._schedules[index]
        before = self._before.pop(index, None)
        if before is None:
            schedule.step(loss)
            return
        rate = schedule.rate(before[2])
        schedule.step(loss)
        if schedule.rate(before[2]) != rate:
            reached = int(self._step.max())
            self._values.known[index] = self._converged[index] = False
            self.theta[index], self._velocity[index], self._step[index], self._lr[index] = before
            self._run(np.array([index]), reached, float("inf"))

    def evaluated(self, index: int) -> Values:
        """The values at the members' present thetas: one pass for all, when one is asked for that isn't known."""
        values = self._values
        if not values.known[index]:
            stale = ~values.known & ~self._retired
            stale[index] = True
            self._evaluate(np.flatnonzero(stale))
        return values

    def _evaluate(self, who: IntArray) -> None:
        values, theta = self._values, self.theta[who]
        with np.errstate(over="ignore", invalid="ignore"):
            loss, values.smooth[who], gradient = self._smooth(who, theta, True)
            absolute = np.abs(self._penalized * theta).sum(axis=(1, 2))
            values.objective[who] = values.smooth[who] + self._l1[who, 0, 0] * absolute
            values.norm[who] = self._norms(who, theta, gradient)
        values.loss[who], values.gradient[who] = self._loss_scale * loss, gradient
        values.known[who] = True

    def _smooth(self, who: IntArray, points: FloatArray, losses: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Mean losses (nan unless asked for), values and gradients of the smooth parts, of members at ``points``."""
        total, gradient = self._sums(points, losses)
        total, gradient, l2 = total / self._rows, gradient / self._rows, self._l2[who]
        ridge = 0.5 * l2[:, 0, 0] * np.sum(self._penalized * points * points, axis=(1, 2))
        return total, total + ridge, gradient + l2 * self._penalized * points

    def _norms(self, who: IntArray, points: FloatArray, gradient: FloatArray) -> FloatArray:
        """Norms (members,) of what ``smallest_subgradient`` gives for each."""
        if self._l1[who].any():
            threshold = self._l1[who] * self._penalized
            gradient = smallest_subgradient(points, gradient, threshold)
        norms: FloatArray = np.sqrt(np.einsum("kop,kop->k", gradient, gradient))
        return norms

    def _run(self, live: IntArray, until: int, deadline: float) -> None:
        """Take the members ``live``, all at the same step, to ``until``."""
        with np.errstate(over="ignore", invalid="ignore"):
            while len(live) and self._step[live[0]] < until and time.monotonic() < deadline:
                live = self._take_step(live)
            last = live[self._watched(live)]
            if len(last):
                self._converged[last] = self.evaluated(last[0]).norm[last] <= self._small_norm[last]

    def _watched(self, live: IntArray) -> BoolArray:
        """Members whose tolerance is still to be checked at theta: with Nesterov's momentum gradients are ahead."""
        watched: BoolArray = self._nesterov[live] & (self._tolerance[live] > 0) & ~self._values.known[live]
        return watched

    def _take_step(self, live: IntArray) -> IntArray:
        """One step of all that are not found converged; those."""
        look, smooth, gradient, converged = self._look(live)
        if converged.any():
            self._converged[live[converged]] = True
            go = ~converged
            live, look, smooth, gradient = live[go], look[go], smooth[go], gradient[go]
        if len(live):
            self._move(live, look, smooth, gradient)
        return live

    def _look(self, live: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Where each member takes its gradient, the smooth value and gradient there, and who has converged."""
        theta, ahead = self.theta[live], self._nesterov[live]
        if self._values.known[live].all() and not ahead.any():
            smooth, gradient = self._values.smooth[live], self._values.gradient[live]
            return theta, smooth, gradient, self._small(live, theta, gradient)
        look = np.where(ahead[:, None, None], theta + self._momentum[live] * self._velocity[live], theta)
        watched = self._watched(live)
        who, points = np.concatenate([live, live[watched]]), np.concatenate([look, theta[watched]])
        _, smooth, gradient = self._smooth(who, points, bool(self._sees[live].any()))
        small, k = self._small(who, points, gradient), len(live)
        converged = small[:k] & ~ahead
        converged[watched] = small[k:]
        return look, smooth[:k], gradient[:k], converged

    def _small(self, who: IntArray, points: FloatArray, gradient: FloatArray) -> BoolArray:
        """Whether the gradient tolerance holds."""
        asked: BoolArray = self._tolerance[who] > 0
        return asked & (self._norms(who, points, gradient) <= self._small_norm[who]) if asked.any() else asked

    def _move(self, live: IntArray, look: FloatArray, smooth: FloatArray, gradient: FloatArray) -> None:
        theta, rates = self.theta[live], self._rates(live, look, smooth, gradient)
        rate = rates[:, None, None]
        moved = theta + self._momentum[live] * self._velocity[live] - rate * gradient
        if self._l1[live].any():
            moved = soft_threshold(moved, rate * self._l1[live] * self._penalized)
        # A signal may come in between: what is known must not outlive its theta.
        self._values.known[live] = False
        self.theta[live], self._velocity[live] = moved, moved - theta
        self._step[live] += 1
        self._lr[live] = rates

    def _rates(self, live: IntArray, look: FloatArray, smooth: FloatArray, gradient: FloatArray) -> FloatArray:
        t, closed = int(self._step[live[0]]), self._closed[live]
        rates = np.empty(len(live)) if closed.all() else self._open_rates(t)[live]
        for k in np.flatnonzero(closed).tolist():
            seen = Feedback(gradient[k].T, look[k].T, float(smooth[k]))
            rates[k] = self._schedules[live[k]].rate(t, seen)
        return rates

    def _open_rates(self, t: int) -> FloatArray:
        """Rates (members,) of step t, nan for closed-loop schedules."""
        if not self._table_start <= t < self._table_start + len(self._table):
            nothing = np.full(READ_AHEAD, np.nan)
            columns = [s.rates(t, READ_AHEAD) if isinstance(s, OpenLoop) else nothing for s in self._schedules]
            self._table, self._table_start = np.stack(columns, axis=1), t
        rates: FloatArray = self._table[t - self._table_start]
        return rates
