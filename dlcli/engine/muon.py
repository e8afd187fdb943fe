"""Muon: momentum made orthogonal, for the matrices of hidden layers (Jordan et al. 2024)."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

# Quintic iteration of Newton and Schulz; these constants trade accuracy of the singular values for speed.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.Optimizer):
    """Muon on weights of convolutions, each taken as a matrix (filters, inputs * kernel * kernel).

    torch.optim.Muon takes matrices only, one after the other; here layers of one shape go through the iteration as
    one stack, which for eight layers of 64 filters takes a third of the time on two cores.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.0
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step; parameters without a gradient stay."""
        for group in self.param_groups:
            stacks: dict[torch.Size, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    stacks.setdefault(parameter.shape, []).append(parameter)
            for parameters in stacks.values():
                self._step_stack(parameters, group)

    def _step_stack(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        momenta = [self._momentum(parameter) for parameter in parameters]
        torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, momenta, group["momentum"])
        stack = torch.stack([_as_matrix(update) for update in updates])
        rows, columns = stack.shape[1:]
        # Wide and tall matrices then change their outputs about equally (Jordan et al. 2024).
        length = group["lr"] * max(1.0, rows / columns) ** 0.5
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        factors = [_as_kernel(f, p) for f, p in zip(orthogonalised(stack), parameters, strict=True)]
        torch._foreach_add_(parameters, factors, alpha=-length)

    def _momentum(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        momentum: Tensor = state["momentum"]
        return momentum


def orthogonalised(matrices: Tensor, iterations: int = 5) -> Tensor:
    """The orthogonal factor, roughly, of each matrix of a stack (L, rows, columns): singular values near 1.

    The iteration x <- (a + b g + c g^2) x, g = x x', is a polynomial in the first g times the first x. It is
    multiplied up on the small Gram matrices, so only two products have the matrices' long side.
    """
    a, b, c = NEWTON_SCHULZ
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = x.size(-2) > x.size(-1)
    x = x.mT if tall else x
    gram = x @ x.mT
    scaled_identity = a * torch.eye(gram.size(-1), dtype=gram.dtype, device=gram.device)
    product = None
    for left in reversed(range(iterations)):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c).add_(scaled_identity)
        product = factor if product is None else factor @ product
        if left:
            gram = factor @ gram @ factor
    result: Tensor = x if product is None else product @ x
    return result.mT if tall else result


def _as_matrix(kernel: Tensor) -> Tensor:
    """(out, in, k, k) as (out, k * k * in), without a copy where the kernel is channels-last."""
    return kernel.permute(0, 2, 3, 1).reshape(kernel.shape[0], -1) if kernel.ndim == 4 else kernel


def _as_kernel(matrix: Tensor, like: Tensor) -> Tensor:
    if like.ndim != 4:
        return matrix
    out, inputs, height, width = like.shape
    return matrix.view(out, height, width, inputs).permute(0, 3, 1, 2)
