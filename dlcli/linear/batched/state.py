"""Where all replicas of a batch stand."""

from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray


@dataclass(frozen=True)
class Snapshot:
    """Where one replica stood: theta and the last move (outputs, p), steps taken, and the last rate."""

    theta: FloatArray
    velocity: FloatArray
    step: int
    lr: float


class BatchedState:
    """Theta and the last move, (replicas, outputs, p); steps taken, the last rates, and who converged, (replicas,)."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        count = shape[0]
        self.theta, self.velocity = np.zeros(shape), np.zeros(shape)
        self.step, self.lr = np.zeros(count, dtype=np.int64), np.full(count, np.nan)
        self.converged = np.zeros(count, dtype=bool)

    def live(self) -> IntArray:
        """Replicas that have not converged."""
        return np.flatnonzero(~self.converged)

    def snapshot(self, k: int) -> Snapshot:
        """A copy of where replica k stands."""
        return Snapshot(self.theta[k].copy(), self.velocity[k].copy(), int(self.step[k]), float(self.lr[k]))

    def restore(self, k: int, before: Snapshot) -> None:
        """Put replica k back to where it stood, not converged."""
        self.converged[k] = False
        self.theta[k], self.velocity[k], self.step[k], self.lr[k] = (
            before.theta, before.velocity, before.step, before.lr,
        )  # fmt: skip
