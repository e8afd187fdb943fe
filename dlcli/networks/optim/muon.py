"""Muon: momentum made orthogonal, for the matrices of hidden layers (Jordan et al. 2024)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from dlcli.engine.ranks import ALONE, Ranks

# Quintic iteration of Newton and Schulz; these constants trade accuracy of the singular values for speed.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
# Multiplications of a stack from which ranks deal its matrices out; below, telling each other takes longer. Two
# processes of one thread, over gloo on one busy host: dealing out took 3 times as long at 2^27 (16 kernels of 64
# filters), 0.8 to 0.95 of the time from 2^28 to 2^29 (8 of 96 or 128), 0.6 at 2^30.
DEALT_OUT = 1 << 28


class Muon(torch.optim.Optimizer):
    """Muon on stacks of matrices, (count, rows, columns), each a matrix of its own.

    A convolution's kernel is the matrix (filters, inputs * side * side). torch.optim.Muon takes matrices one after the
    other; those of one shape go through the iteration as one stack, which for eight layers of 64 filters takes a third
    of the time on two cores. Several ``ranks``, which all have the same gradients, deal large stacks out.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Take one step; stacks without a gradient stay. Raises ValueError for a closure, which nothing here needs."""
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            for stack in group["params"]:
                if stack.grad is not None:
                    self._step_stack(stack, group)

    def _step_stack(self, stack: Tensor, group: dict[str, Any]) -> None:
        assert stack.grad is not None
        state = self.state[stack]
        if not state:
            state["momentum"] = torch.zeros_like(stack)
        momentum = state["momentum"].lerp_(stack.grad, 1 - group["momentum"])
        update = stack.grad.lerp(momentum, group["momentum"])
        rows, columns = stack.shape[1:]
        # Wide and tall matrices then change their outputs about equally (Jordan et al. 2024).
        length = group["lr"] * max(1.0, rows / columns) ** 0.5
        if group["weight_decay"]:
            stack.mul_(1 - group["lr"] * group["weight_decay"])
        if isinstance(length, Tensor):  # on the device, where it isn't read
            stack.sub_(self._orthogonalized(update).mul_(length))
        else:
            stack.add_(self._orthogonalized(update), alpha=-length)

    def _orthogonalized(self, matrices: Tensor) -> Tensor:
        """That of each matrix, which every rank gets to the same bits."""
        if self.ranks.count == 1 or operations(matrices) < DEALT_OUT:
            return orthogonalized(matrices)
        mine = self.ranks.slice_of(len(matrices))
        result = torch.zeros_like(matrices)
        if mine.stop > mine.start:
            result[mine] = orthogonalized(matrices[mine])
        self.ranks.add_(result)
        return result


def operations(matrices: Tensor) -> int:
    """How many multiplications ``orthogonalized`` takes of a stack (L, rows, columns), roughly."""
    short, long = sorted(matrices.shape[1:])
    return matrices.shape[0] * short * short * (2 * long + 15 * short)


def orthogonalized(matrices: Tensor, iterations: int = 5) -> Tensor:
    """The orthogonal factor, roughly, of each matrix of a stack (L, rows, columns): singular values near 1.

    The iteration x <- (a + b g + c g^2) x, g = x x', is a polynomial in the first g times the first x. It is
    multiplied up on the small Gram matrices, so only two products have the matrices' long side.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.size(-2) > matrices.size(-1)
    x = matrices.mT if tall else matrices
    gram = x @ x.mT
    # The trace is the squared norm, by which the long matrices themselves need not be divided.
    square = gram.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None].clamp_(min=1e-14)
    gram /= square
    scaled_identity = a * torch.eye(gram.size(-1), dtype=gram.dtype, device=gram.device)
    product = None
    for left in reversed(range(iterations)):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c).add_(scaled_identity)
        product = factor if product is None else factor @ product
        if left:
            gram = factor @ gram @ factor
    result: Tensor = x / square.sqrt() if product is None else product.div_(square.sqrt()) @ x
    return result.mT if tall else result
