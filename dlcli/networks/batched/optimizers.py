"""The optimizers of ``make_optimizers`` for many networks at once: rows of (K, P), each with rates of its own.

A row never looks at another. ``rows`` holds all that an optimizer knows of the networks, each tensor (K, ...), so
that the caller can drop networks, and can undo the step of one.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from dlcli.networks.optim.muon import orthogonalized
from dlcli.networks.optim.optimizers import ADAM_SHARE, BETAS

BATCHED_OPTIMIZERS = ("adam", "adamw", "sgd", "muon")  # networks of any other optimizer are trained alone
EPSILON = 1e-8  # of Adam
MUON_MOMENTUM = 0.95


class BatchedOptimizer(Protocol):
    """Takes the steps of K networks."""

    rows: dict[str, Tensor]

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        """Change ``weights`` (K, P) by the step for ``gradients`` (K, P), which stay, at ``rates`` (K, 1)."""

    def l1_rates(self, rates: Tensor) -> Tensor:
        """What L1's strength is multiplied by after that step, (K, P) or (K, 1): see ``optimizers.l1_rates``."""


class BatchedSGD:
    """Stochastic gradient descent with Nesterov's momentum, (K, 1), where that is not 0."""

    def __init__(self, weights: Tensor, momentum: Tensor, l2: Tensor) -> None:
        self.rows = {"momentum": momentum, "l2": l2, "velocity": torch.zeros_like(weights)}

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        """See ``BatchedOptimizer.step``."""
        momentum, velocity = self.rows["momentum"], self.rows["velocity"]
        full = torch.addcmul(gradients, weights, self.rows["l2"])
        velocity.mul_(momentum).add_(full)
        weights.sub_(full.addcmul_(velocity, momentum).mul_(rates))

    def l1_rates(self, rates: Tensor) -> Tensor:
        """See ``BatchedOptimizer.l1_rates``."""
        return rates / (1 - self.rows["momentum"])


class BatchedAdam:
    """Adam (Kingma and Ba 2015), or with ``decoupled`` AdamW (Loshchilov and Hutter 2019)."""

    def __init__(self, weights: Tensor, l2: Tensor, *, decoupled: bool) -> None:
        self.decoupled = decoupled
        # The steps are counted for each network, as a step that it skips must not change its bias correction.
        steps = torch.zeros_like(l2, dtype=torch.float64)
        self.rows = {
            "l2": l2, "steps": steps, "first": torch.zeros_like(weights), "second": torch.zeros_like(weights)
        }  # fmt: skip

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        """See ``BatchedOptimizer.step``."""
        steps, first, second = (self.rows[name] for name in ("steps", "first", "second"))
        steps += 1
        if self.decoupled:
            weights.mul_(1 - rates * self.rows["l2"])
        else:
            gradients = torch.addcmul(gradients, weights, self.rows["l2"])
        first.lerp_(gradients, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(gradients, gradients, value=1 - BETAS[1])
        root = (1 - BETAS[1] ** steps).sqrt().to(rates.dtype)
        length = (rates / (1 - BETAS[0] ** steps)).to(rates.dtype)
        weights.sub_(first.div(second.sqrt().div_(root).add_(EPSILON)).mul_(length))

    def l1_rates(self, rates: Tensor) -> Tensor:
        """See ``BatchedOptimizer.l1_rates``."""
        if self.decoupled:
            return rates
        root = (1 - BETAS[1] ** self.rows["steps"]).sqrt().to(rates.dtype)
        return rates / self.rows["second"].sqrt().div_(root).add_(EPSILON)


class BatchedMuon:
    """Muon for the hidden kernels, which are the first columns, and AdamW for the others.

    ``hidden`` says what the kernels are: how many of so many rows and columns, in their order.
    """

    def __init__(self, weights: Tensor, l2: Tensor, hidden: Sequence[tuple[int, int, int]]) -> None:
        self.hidden = list(hidden)
        self.end = sum(count * rows * columns for count, rows, columns in hidden)
        self.rest = BatchedAdam(weights[:, self.end :], l2, decoupled=True)
        self._momentum = torch.zeros_like(weights[:, : self.end])

    @property
    def rows(self) -> dict[str, Tensor]:
        """What is known of each network."""
        return {**self.rest.rows, "velocity": self._momentum}

    @rows.setter
    def rows(self, rows: dict[str, Tensor]) -> None:
        self._momentum = rows["velocity"]
        self.rest.rows = {name: tensor for name, tensor in rows.items() if name != "velocity"}

    def step(self, weights: Tensor, gradients: Tensor, rates: Tensor) -> None:
        """See ``BatchedOptimizer.step``."""
        self.rest.step(weights[:, self.end :], gradients[:, self.end :], rates * ADAM_SHARE)
        kernels, own = weights[:, : self.end], gradients[:, : self.end]
        self._momentum.lerp_(own, 1 - MUON_MOMENTUM)
        updates = own.lerp(self._momentum, MUON_MOMENTUM)
        kernels.mul_(1 - rates * self.rest.rows["l2"])
        start = 0
        for count, rows, columns in self.hidden:
            end = start + count * rows * columns
            factors = orthogonalized(updates[:, start:end].reshape(-1, rows, columns)).reshape(len(weights), -1)
            # Wide and tall matrices then change their outputs about equally, as in Muon.
            kernels[:, start:end].sub_(factors.mul_(rates * max(1.0, rows / columns) ** 0.5))
            start = end

    def l1_rates(self, rates: Tensor) -> Tensor:
        """See ``BatchedOptimizer.l1_rates``."""
        size = self._momentum.shape[1], self.rest.rows["first"].shape[1]
        return torch.cat([rates.expand(-1, size[0]), (rates * ADAM_SHARE).expand(-1, size[1])], dim=1)


def make_batched_optimizer(
    name: str, weights: Tensor, hidden: Sequence[tuple[int, int, int]], momentum: Sequence[float], l2: Sequence[float]
) -> BatchedOptimizer:
    """What ``make_optimizers`` means by ``name``, for ``weights`` (K, P) with the ``hidden`` kernels in front.

    momentum and l2 have one number for each network. Raises ValueError for an unknown name.
    """
    decay = weights.new_tensor(l2).unsqueeze(1)
    if name == "sgd":
        return BatchedSGD(weights, weights.new_tensor(momentum).unsqueeze(1), decay)
    if name in ("adam", "adamw"):
        return BatchedAdam(weights, decay, decoupled=name == "adamw")
    if name != "muon":
        raise ValueError(f"no optimizer is called {name}")
    return BatchedMuon(weights, decay, hidden)
