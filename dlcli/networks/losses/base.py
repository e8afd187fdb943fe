"""What the training minimizes: a loss that may call the network as often as it likes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from dlcli.degradations.base import Degradation
from dlcli.networks.data.batch import Batch

# (input (B, C', H, W), base (B, C, H, W) or None) -> float32 images (B, C, H, W), or scores of classes (B, classes)
Model = Callable[[Tensor, Tensor | None], Tensor]


class Loss(Protocol):
    """A scalar to minimize, of a network on one batch.

    It gets the network itself and the degradation, so that it can restore, degrade again and restore once more, as
    self-supervised losses do.
    """

    def __call__(self, model: Model, batch: Batch, degradation: Degradation, /) -> Tensor:
        """The loss of ``model`` on ``batch``, whose clean images ``degradation`` spoiled."""


@dataclass(frozen=True)
class Objective:
    """A loss bound to its degradation: what a solver minimizes."""

    loss: Loss
    degradation: Degradation

    def __call__(self, model: Model, batch: Batch) -> Tensor:
        """The loss of ``model`` on ``batch``, a scalar."""
        return self.loss(model, batch, self.degradation)
