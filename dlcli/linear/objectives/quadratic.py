"""Least squares as a quadratic in theta, for methods that take one step at a time on the moments."""

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.row_space import RowGram


class QuadraticObjective:
    """1/2 theta'A theta - b'theta + constant/2, which is half the mean squared error, plus penalties.

    A (p, p), b (p,), constant = y'y/n; theta (p, 1).
    """

    def __init__(self, A: FloatArray | RowGram, b: FloatArray, constant: float, penalty: WeightedPenalty) -> None:
        self.A, self.b, self.constant = A, b[:, None], constant
        self.penalties = penalty
        self.l1, self.l2, self.penalized = penalty.l1, penalty.l2, penalty.weights[:, None]
        self.shape = (len(b), 1)

    def loss(self, theta: FloatArray) -> float:
        """Mean squared error."""
        return max(float(np.sum(theta * (self.A @ theta - 2 * self.b))) + self.constant, 0.0)

    def penalty(self, theta: FloatArray) -> float:
        """Both penalties."""
        return self.penalties.value(theta)

    def value_and_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """The smooth part (without l1) and its gradient (p, 1)."""
        product = self.A @ theta
        value = 0.5 * (float(np.sum(theta * (product - 2 * self.b))) + self.constant)
        ridge = self.l2 * self.penalized * theta
        return value + 0.5 * float(np.sum(ridge * theta)), product - self.b + ridge
