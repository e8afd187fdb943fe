"""What a network's output is held to."""

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.losses.cross_entropy import binary_cross_entropy, cross_entropy

CHARBONNIER = 1e-3


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean of (output - target)^2; both (B, C, H, W)."""
    return F.mse_loss(output, target)


def mean_absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean of |output - target|."""
    return F.l1_loss(output, target)


def charbonnier(output: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt((output - target)^2 + 1e-6) (Charbonnier et al. 1994): L1 with a round bottom."""
    return ((output - target).square() + CHARBONNIER**2).sqrt().mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mean_squared_error,
    "l1": mean_absolute_error,
    "charbonnier": charbonnier,
    "bce": binary_cross_entropy,
    "cross-entropy": cross_entropy,
}
