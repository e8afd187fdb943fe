"""The losses of many networks at once: output and target (B, K, ...) -> the loss of each network, (K,)."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from dlcli.networks.losses import supervised as losses
from dlcli.networks.losses.cross_entropy import binary_cross_entropy, cross_entropy

Loss = Callable[[Tensor, Tensor], Tensor]


def stacked(loss: Loss) -> Loss:
    """``loss`` of each network: those of ``losses`` in one go, others one network after the other."""
    return _STACKED.get(loss) or (lambda output, target: _one_by_one(loss, output, target))


def _one_by_one(loss: Loss, output: Tensor, target: Tensor) -> Tensor:
    return torch.stack([loss(o, t) for o, t in zip(output.unbind(1), target.unbind(1), strict=True)])


def _mean(values: Tensor) -> Tensor:
    """Means over all but the second dimension."""
    return values.mean([d for d in range(values.ndim) if d != 1])


def _binary_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    result: Tensor = _BinaryCrossEntropy.apply(output, target)  # type: ignore[no-untyped-call]
    return result


class _BinaryCrossEntropy(torch.autograd.Function):
    """As that of ``losses``, gradient of clipped values included."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, target: Tensor) -> Tensor:
        inside = output.clamp(1e-6, 1 - 1e-6)
        outside = 1 - inside
        ctx.save_for_backward(inside, outside, target)
        return _mean(torch.lerp(outside.log(), inside.log(), target)).neg_()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        inside, outside, target = ctx.saved_tensors
        share = (gradient * len(gradient) / inside.numel()).view(-1, *[1] * (inside.ndim - 2))
        return (inside - target).div_(inside * outside).mul_(share), None


def _cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    each = F.cross_entropy(output.flatten(0, 1), target.flatten(), reduction="none")
    return each.view(target.shape).mean(0)


_STACKED: dict[Loss, Loss] = {
    losses.mean_squared_error: lambda output, target: _mean((output - target).square()),
    losses.mean_absolute_error: lambda output, target: _mean((output - target).abs()),
    losses.charbonnier: lambda output, target: _mean(((output - target).square() + losses.CHARBONNIER**2).sqrt()),
    binary_cross_entropy: _binary_cross_entropy,
    cross_entropy: _cross_entropy,
}
