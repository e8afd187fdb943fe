"""A pull of weights towards where they were: what FedProx adds to a client's loss."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Pull:
    """The gradient of ``strength`` / 2 times the squared distance from ``towards``, (P,).

    With it a client's steps minimize its own loss not too far from the server's weights (Li et al. 2020, "Federated
    Optimization in Heterogeneous Networks", equation 2, where the strength is mu).
    """

    strength: float
    towards: Tensor

    def add_to(self, gradient: Tensor, weights: Tensor) -> None:
        """Add it to ``gradient`` at ``weights``, both (P,) or rows of those, (K, P)."""
        gradient.add_(weights - self.towards, alpha=self.strength)
