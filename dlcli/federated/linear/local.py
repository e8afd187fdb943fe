"""What a client does in a round of FedAvg or FedProx: some steps of gradient descent on its own rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.glm import RowObjective


@dataclass(frozen=True)
class LocalSteps:
    """``steps`` at ``rate`` on the client's mean loss with an ``l2`` penalty, on all rows or batches of so many.

    FedProx (Li et al. 2020) adds ``mu``/2 |theta - theta_0|^2, which pulls to the global model theta_0.
    """

    steps: int
    rate: float
    mu: float
    l2: float
    batch: int
    seed: Sequence[int]

    def moved(self, objective: RowObjective, theta: FloatArray, penalized: FloatArray) -> FloatArray:
        """How the steps move theta (p, k); nan where they diverge, 0 without rows. ``penalized`` (p, 1) as there."""
        here = theta.copy()
        if not objective.rows:
            return here - theta
        batches = self._batches(objective.rows) if 0 < self.batch < objective.rows else None
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(self.steps):
                if batches is None:
                    gradient = objective._all_sums(here, False).gradient / objective.total
                else:
                    gradient = objective.batch_gradient(here, next(batches), None)
                gradient = gradient + self.l2 * penalized**2 * here + self.mu * (here - theta)
                here = here - self.rate * gradient
        return here - theta

    def _batches(self, rows: int) -> Iterator[IntArray]:
        """Rows of mini-batches, one pass after another."""
        rng = np.random.default_rng(list(self.seed))
        while True:
            order = rng.permutation(rows)
            for start in range(0, rows - self.batch + 1, self.batch):
                yield np.sort(order[start : start + self.batch])
