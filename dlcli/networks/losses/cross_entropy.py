"""Cross-entropy of probabilities and of scores, with gradients written out."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from dlcli.networks.autograd import Context


def binary_cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean of -t log(o) - (1 - t) log(1 - o) for values in [0, 1].

    Written out, since PyTorch's own is not vectorized on the CPU: a fiftieth of the article's network's step. Its
    derivative is written out, too, in a third of the operations that autograd would take.
    """
    result: Tensor = _BinaryCrossEntropy.apply(output, target, False)  # type: ignore[no-untyped-call]
    return result


def binary_cross_entropy_of_each(output: Tensor, target: Tensor) -> Tensor:
    """``binary_cross_entropy`` of each of K networks, (K,), from what they gave side by side, (B, K, ...)."""
    result: Tensor = _BinaryCrossEntropy.apply(output, target, True)  # type: ignore[no-untyped-call]
    return result


class _BinaryCrossEntropy(torch.autograd.Function):
    """The mean over all values or, with ``each``, over all but the second dimension."""

    @staticmethod
    def forward(ctx: Context, output: Tensor, target: Tensor, each: bool) -> Tensor:
        inside = output.clamp(1e-6, 1 - 1e-6)
        outside = 1 - inside
        ctx.save_for_backward(inside, outside, target)
        values = torch.lerp(outside.log(), inside.log(), target)
        return -(values.mean([d for d in range(values.ndim) if d != 1]) if each else values.mean())

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor, None, None]:
        inside, outside, target = ctx.saved_tensors
        share = gradient * gradient.numel() / inside.numel()
        if share.ndim:
            share = share.view(-1, *[1] * (inside.ndim - 2))
        # d/do = (o - t) / (o (1 - o))
        return (inside - target).div_(inside * outside).mul_(share), None, None


def binary_cross_entropy_of_scores(scores: Tensor, target: Tensor) -> Tensor:
    """``binary_cross_entropy`` of sigmoid(scores): mean of log(1 + exp(s)) - t s, whose derivative is sigmoid(s) - t.

    It takes half the time, and its gradient doesn't vanish where the sigmoid rounds to 0 or 1.
    """
    result: Tensor = _ScoreEntropy.apply(scores, target)  # type: ignore[no-untyped-call]
    return result


class _ScoreEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Context, scores: Tensor, target: Tensor) -> Tensor:
        ctx.save_for_backward(scores, target)
        return torch.addcmul(F.softplus(scores), scores, target, value=-1).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Context, gradient: Tensor) -> tuple[Tensor, None]:
        scores, target = ctx.saved_tensors
        return torch.sigmoid(scores).sub_(target).mul_(gradient / scores.numel()), None


def cross_entropy(output: Tensor, target: Tensor) -> Tensor:
    """Mean negative log of the softmax of ``output`` (B, K) at the classes ``target`` (B,).

    Of a ``target`` (B, K) of shares, which need not add up to 1, the sum over the classes times their shares.
    """
    return F.cross_entropy(output, target)
