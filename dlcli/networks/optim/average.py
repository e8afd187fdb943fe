"""The average of a network's weights over the steps."""

import torch
from torch import Tensor

from dlcli.networks.optim.flat_parameters import FlatParameters


def share_of_average(ema: float, step: int) -> float:
    """How far the average goes to the weights after ``step`` steps, from 0 to 1.

    The mean of the first steps, then an exponential mean whose rest is ``ema``: no start-up bias.
    """
    return max(1 - ema, 1 / (step + 1))


class AveragedWeights:
    """An exponential moving average of ``weights``, as one ``vector`` (P,)."""

    def __init__(self, weights: FlatParameters, ema: float) -> None:
        self.weights, self.ema = weights, ema
        self.vector = weights.flat.detach().clone()

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after ``step`` steps."""
        self.vector.lerp_(self.weights.flat.detach(), share_of_average(self.ema, step))

    def named(self) -> dict[str, Tensor]:
        """A copy of the average on the CPU, by the names of the parameters."""
        return {name: part.cpu().clone() for name, part in self.weights.named(self.vector).items()}
