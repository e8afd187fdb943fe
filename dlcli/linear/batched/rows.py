"""Many full-batch gradient descents on the same rows in lockstep: a grid of learning rates for the price of a few.

All replicas take step t together, from one pass over the rows (``dlcli.linear.batched.sums``). What they compute is
what ``GradientDescent`` computes for each alone. Arrays are (replicas, outputs, p).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dlcli.engine.arrays import BoolArray, FloatArray, IntArray
from dlcli.engine.schedules.base import Schedule
from dlcli.engine.solver import EXACT, GRADIENT_TOLERANCE, RUNNING
from dlcli.linear.batched.objective import BatchedObjective, BatchedValues
from dlcli.linear.batched.rates import BatchedRates
from dlcli.linear.batched.state import BatchedState, Snapshot
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import Penalty
from dlcli.linear.solvers.momentum import NO_MOMENTUM, Momentum
from dlcli.linear.solvers.solver import NOT_SEPARATED, PassedStep, Separation


@dataclass(frozen=True)
class RowReplica:
    """One descent of a batch, with ``GradientDescent``'s options; ``schedule.lr`` is its first rate."""

    schedule: Schedule
    momentum: Momentum = NO_MOMENTUM
    tolerance: float = 0.0
    penalty: Penalty = field(default_factory=Penalty)


class BatchedDescent:
    """One replica of a batch, as a solver for the training loop (a ``LinearSolver``).

    Drive each with a loop of its own under the same limits, a report of each in turn. The first that is told to
    advance takes the whole batch along.
    """

    noise_factor = EXACT
    separation: Separation = NOT_SEPARATED

    def __init__(self, batch: "BatchedRows", index: int, replica: RowReplica) -> None:
        self._batch, self.index, self.replica = batch, index, replica
        self.step = 0
        self.lr = float("nan")
        self.termination = RUNNING

    def init(self, origin: float) -> None:
        """Nothing depends on the time."""

    def advance(self, until: int, deadline: float) -> None:
        """Take the batch to ``until`` unless it is there; the tolerance is checked at every step."""
        self._batch.advance(self.index, until, deadline)

    def parameters(self) -> FloatArray:
        """Theta, (p, outputs)."""
        return self._batch.parameters(self.index)

    def loss(self) -> float:
        """Mean loss on the training rows, without penalties."""
        return float(self._batch.evaluated(self.index).loss[self.index])

    def objective(self) -> float:
        """The value being minimized."""
        return float(self._batch.evaluated(self.index).objective[self.index])

    def gradient_norm(self) -> float:
        """Norm of the smallest subgradient."""
        return float(self._batch.evaluated(self.index).norm[self.index])

    def scheduler_step(self, loss: float) -> None:
        """Pass the loss of a report on to the schedule."""
        self._batch.scheduler_step(self.index, loss)

    def passed(self, _last: int) -> list[PassedStep]:
        """None: searches draw no curves."""
        return []


class BatchedRows:
    """Descents from theta = 0 over rows Z (n, p) and y (n,); ``penalized`` (p,) is 0 for the intercept, else 1.

    Rates of open-loop schedules are read ahead: a schedule's first rate is not to be changed after the first step.
    """

    def __init__(
        self, Z: FloatArray, y: FloatArray, kind: Kind, outputs: int, penalized: FloatArray,
        replicas: Sequence[RowReplica],
    ) -> None:  # fmt: skip
        self.solvers = [BatchedDescent(self, k, replica) for k, replica in enumerate(replicas)]
        self._objective = BatchedObjective(Z, y, kind, penalized, [replica.penalty for replica in replicas])
        self._rates = BatchedRates([replica.schedule for replica in replicas])
        self._momentum = np.array([replica.momentum.factor for replica in replicas])[:, None, None]
        self._nesterov = np.array([replica.momentum.nesterov for replica in replicas])
        self._tolerance = np.array([replica.tolerance for replica in replicas])

        shape = (len(replicas), outputs, Z.shape[1])
        self._state, self._values = BatchedState(shape), BatchedValues(shape)
        self._before: dict[int, Snapshot] = {}
        self._small_norm = self._tolerance * self.evaluated(0).norm

    def parameters(self, index: int) -> FloatArray:
        """A copy of a replica's theta, (p, outputs)."""
        theta: FloatArray = self._state.theta[index].T.copy()
        return theta

    def advance(self, index: int, until: int, deadline: float) -> None:
        """Take every replica that hasn't converged to ``until``, or as far as the deadline allows."""
        state = self._state
        live = state.live()
        try:
            if index in live and state.step[index] < until:
                self._remember(live[live != index])
                self._run(live, until, deadline)
        finally:
            self._before.pop(index, None)
            # Only the one that asked is told: to the loops of the others, the steps are still to come.
            solver = self.solvers[index]
            solver.step, solver.lr = int(state.step[index]), float(state.lr[index])
            solver.termination = GRADIENT_TOLERANCE if state.converged[index] else RUNNING

    def _remember(self, others: IntArray) -> None:
        """Keep where the replicas stand that may have to take the coming steps again (``scheduler_step``)."""
        for k in others.tolist():
            if k not in self._before and self._rates.schedules[k].listens:
                self._before[k] = self._state.snapshot(k)

    def scheduler_step(self, index: int, loss: float) -> None:
        """Tell a replica's schedule the loss of a report.

        The loop does so when the replica's turn comes again, and by then the first replica has taken the batch on. In
        the rare case that the schedule now lowers its rate, the replica takes those steps anew, alone.
        """
        schedule = self._rates.schedules[index]
        before = self._before.pop(index, None)
        if before is None:
            schedule.step(loss)
            return
        rate = schedule.rate(before.step)
        schedule.step(loss)
        if schedule.rate(before.step) != rate:
            reached = int(self._state.step.max())
            self._values.known[index] = False
            self._state.restore(index, before)
            self._run(np.array([index]), reached, float("inf"))

    def evaluated(self, index: int) -> BatchedValues:
        """The values at the replicas' present thetas: one pass for all, when one is asked for that isn't known."""
        values = self._values
        if not values.known[index]:
            who = np.flatnonzero(~values.known)
            self._objective.evaluate(values, who, self._state.theta[who])
        return values

    def _run(self, live: IntArray, until: int, deadline: float) -> None:
        """Take the replicas ``live``, all at the same step, to ``until``."""
        state = self._state
        with np.errstate(over="ignore", invalid="ignore"):
            while len(live) and state.step[live[0]] < until and time.monotonic() < deadline:
                live = self._take_step(live)
            last = live[self._watched(live)]
            if len(last):
                state.converged[last] = self.evaluated(last[0]).norm[last] <= self._small_norm[last]

    def _watched(self, live: IntArray) -> BoolArray:
        """Replicas whose tolerance is still to be checked at theta: with Nesterov's momentum gradients are ahead."""
        watched: BoolArray = self._nesterov[live] & (self._tolerance[live] > 0) & ~self._values.known[live]
        return watched

    def _take_step(self, live: IntArray) -> IntArray:
        """One step of all that are not found converged; those."""
        look, smooth, gradient, converged = self._look(live)
        if converged.any():
            self._state.converged[live[converged]] = True
            go = ~converged
            live, look, smooth, gradient = live[go], look[go], smooth[go], gradient[go]
        if len(live):
            self._move(live, look, smooth, gradient)
        return live

    def _look(self, live: IntArray) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Where each replica takes its gradient, the smooth value and gradient there, and who has converged."""
        state, values = self._state, self._values
        theta, ahead = state.theta[live], self._nesterov[live]
        if values.known[live].all() and not ahead.any():
            smooth, gradient = values.smooth[live], values.gradient[live]
            return theta, smooth, gradient, self._small(live, theta, gradient)
        look = np.where(ahead[:, None, None], theta + self._momentum[live] * state.velocity[live], theta)
        watched = self._watched(live)
        who, points = np.concatenate([live, live[watched]]), np.concatenate([look, theta[watched]])
        _, smooth, gradient = self._objective.smooth(who, points, self._rates.need_objective(live))
        small, k = self._small(who, points, gradient), len(live)
        converged = small[:k] & ~ahead
        converged[watched] = small[k:]
        return look, smooth[:k], gradient[:k], converged

    def _small(self, who: IntArray, points: FloatArray, gradient: FloatArray) -> BoolArray:
        """Whether the gradient tolerance holds."""
        asked: BoolArray = self._tolerance[who] > 0
        return asked & (self._objective.norms(who, points, gradient) <= self._small_norm[who]) if asked.any() else asked

    def _move(self, live: IntArray, look: FloatArray, smooth: FloatArray, gradient: FloatArray) -> None:
        state = self._state
        theta, rates = state.theta[live], self._rates.rates(int(state.step[live[0]]), live, look, smooth, gradient)
        rate = rates[:, None, None]
        moved = theta + self._momentum[live] * state.velocity[live] - rate * gradient
        moved = self._objective.proximal(live, moved, rate)
        # A signal may come in between: what is known must not outlive its theta.
        self._values.known[live] = False
        state.theta[live], state.velocity[live] = moved, moved - theta
        state.step[live] += 1
        state.lr[live] = rates
