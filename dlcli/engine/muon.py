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

        self._stacks: dict[torch.Size, Tensor] = {}

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
        gradients = torch.stack([_filters_last(p.grad) for p in parameters if p.grad is not None])
        momenta = self._momenta(parameters)
        momenta.lerp_(gradients, 1 - group["momentum"])
        updates = gradients.lerp_(momenta, group["momentum"]).flatten(2)
        rows, columns = updates.shape[1:]
        # Wide and tall matrices then change their outputs about equally (Jordan et al. 2024).
        length = group["lr"] * max(1.0, rows / columns) ** 0.5
        if group["weight_decay"]:
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        factors = orthogonalised(updates).view(momenta.shape)
        torch._foreach_add_([_filters_last(p) for p in parameters], list(factors), alpha=-length)

    def _momenta(self, parameters: list[Tensor]) -> Tensor:
        """The momenta of parameters of one shape, (L, out, k, k, in); each parameter's state is a view of its own."""
        shape = parameters[0].shape
        stack = self._stacks.get(shape)
        states = [self.state[parameter] for parameter in parameters]
        known = [state.get("momentum") for state in states]
        if stack is None or len(stack) != len(known) or any(m is None or m._base is not stack for m in known):
            # The first step, or the states have been loaded from a checkpoint.
            parts = [torch.zeros_like(p) if m is None else m for p, m in zip(parameters, known, strict=True)]
            stack = self._stacks[shape] = torch.stack([_filters_last(part) for part in parts])
            for state, part in zip(states, stack, strict=True):
                state["momentum"] = part.permute(0, 3, 1, 2) if part.ndim == 4 else part
        return stack


def orthogonalised(matrices: Tensor, iterations: int = 5) -> Tensor:
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


def _filters_last(kernel: Tensor) -> Tensor:
    """(out, in, k, k) as (out, k, k, in), which lies in memory as it is read where the kernel is channels-last."""
    return kernel.permute(0, 2, 3, 1) if kernel.ndim == 4 else kernel
