"""The losses of many networks at once: output and target (B, K, ...) -> the loss of each network, (K,)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.networks.losses import supervised as losses
from dlcli.networks.losses.cross_entropy import binary_cross_entropy, binary_cross_entropy_of_each, cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]


def batched(loss: Loss) -> Loss:
    """``loss`` of each network: those of ``losses`` in one go, others one network after the other."""
    return _BATCHED.get(loss) or (lambda output, target: _one_by_one(loss, output, target))


def _one_by_one(loss: Loss, output: Tensor, target: Tensor) -> Tensor:
    return torch.stack([loss(o, t) for o, t in zip(output.unbind(1), target.unbind(1), strict=True)])


def _mean(values: Tensor) -> Tensor:
    """Means over all but the second dimension."""
    return values.mean([d for d in range(values.ndim) if d != 1])


def _cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    if target.is_floating_point():  # shares of the classes
        return -(target * output.log_softmax(-1)).sum(-1).mean(0)
    each = F.cross_entropy(output.flatten(0, 1), target.flatten(), reduction="none")
    return each.view(target.shape).mean(0)


_BATCHED: dict[Loss, Loss] = {
    losses.mean_squared_error: lambda output, target: _mean((output - target).square()),
    losses.mean_absolute_error: lambda output, target: _mean((output - target).abs()),
    losses.charbonnier: lambda output, target: _mean(((output - target).square() + losses.CHARBONNIER**2).sqrt()),
    binary_cross_entropy: binary_cross_entropy_of_each,
    cross_entropy: _cross_entropy,
}
