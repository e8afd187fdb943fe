"""Losses that hold a network's output to its target."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from dlcli.degradations.base import Degradation
from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.base import Model
from dlcli.networks.losses.cross_entropy import binary_cross_entropy, cross_entropy

CHARBONNIER = 1e-3
Compare = Callable[[Tensor, Tensor], Tensor]


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean of (output - target)^2; both (B, C, H, W)."""
    return F.mse_loss(output, target)


def mean_absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean of |output - target|."""
    return F.l1_loss(output, target)


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt((output - target)^2 + 1e-6) (Charbonnier et al. 1994): L1 with a round bottom."""
    return ((output - target).square() + CHARBONNIER**2).sqrt().mean()


@dataclass(frozen=True)
class SupervisedLoss:
    """A ``Loss`` that compares what the network makes of a batch with the batch's target.

    ``compare`` maps an output and a target of one shape (scores and classes for cross-entropy) to a scalar.
    """

    compare: Compare

    def __call__(self, model: Model, batch: Batch, _degradation: Degradation, /) -> Tensor:
        """``compare`` of the network's output and the target."""
        return self.compare(model(batch.input, batch.base), batch.target)


LOSSES: dict[str, Compare] = {
    "mse": mean_squared_error,
    "l1": mean_absolute_error,
    "charbonnier": charbonnier,
    "bce": binary_cross_entropy,
    "cross-entropy": cross_entropy,
}
