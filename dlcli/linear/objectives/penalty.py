"""L1 and L2 penalties, and what L1 makes of gradients: soft thresholding and the smallest subgradient."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from dlcli.engine.arrays import FloatArray


@dataclass(frozen=True)
class Penalty:
    """Strengths of the penalties on parameters theta: l2/2 |theta|^2 + l1 |theta|_1.

    ``path`` is the one that a path goes along, until one on it is chosen.
    """

    l1: float = 0.0
    l2: float = 0.0
    path: Literal["", "l1", "l2"] = ""

    @property
    def present(self) -> bool:
        """Whether there is a penalty at all."""
        return bool(self.l1 or self.l2 or self.path)

    def at(self, value: float) -> "Penalty":
        """The penalty on its path where the one that changes is ``value``."""
        return replace(self, l1=value, path="") if self.path == "l1" else replace(self, l2=value, path="")

    def weighted(self, weights: FloatArray) -> "WeightedPenalty":
        """The penalty on weights * theta, for weights (p,)."""
        return WeightedPenalty(self.l1, self.l2, weights)


@dataclass(frozen=True)
class WeightedPenalty:
    """l2/2 |w theta|^2 + l1 |w theta|_1, with ``weights`` w (p,) on each row of theta (p, k); 0: not penalized."""

    l1: float
    l2: float
    weights: FloatArray

    def value(self, theta: FloatArray) -> float:
        """Both penalties at theta (p, k)."""
        return self.l2_value(theta) + self.l1 * float(np.sum(np.abs(self.weights[:, None] * theta)))

    def l2_value(self, theta: FloatArray) -> float:
        """The L2 penalty at theta (p, k)."""
        with np.errstate(over="ignore", invalid="ignore"):
            return 0.5 * self.l2 * float(np.sum((self.weights[:, None] * theta) ** 2))


def soft_threshold(theta: FloatArray, threshold: float | FloatArray) -> FloatArray:
    """Soft thresholding, the proximal step of L1: toward 0 by ``threshold``, and exactly 0 within it."""
    # Adding 0 turns -0 into 0.
    return np.sign(theta) * np.maximum(np.abs(theta) - threshold, 0.0) + 0.0


def smallest_subgradient(theta: FloatArray, gradient: FloatArray, threshold: FloatArray) -> FloatArray:
    """The subgradient of a smooth part plus |threshold theta|_1 that is nearest to 0; it is 0 exactly at the optimum.

    ``gradient`` is that of the smooth part; all arrays have shapes that broadcast.
    """
    return np.where(theta != 0, gradient + threshold * np.sign(theta), soft_threshold(gradient, threshold))
