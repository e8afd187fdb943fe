"""The loss of training on noisy images: squared errors, and none where a target says nothing of the clean image."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.degradations.base import Degradation
from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.base import Model

REACH = 2  # pixels around a pixel, in which none may be cut


def with_weights(target: Tensor, weights: Tensor) -> Tensor:
    """A target (B, C, H, W) and the weights of its pixels as one tensor (B, 2C, H, W)."""
    return torch.cat([target, weights.to(target)], dim=1)


def values_of(target: Tensor) -> Tensor:
    """The target itself."""
    return target[:, : target.shape[1] // 2]


@dataclass(frozen=True)
class WeightedSquares:
    """A ``Loss``: the mean of squared errors, each with its weight. Of other errors noise has no mean that is clean."""

    def __call__(self, model: Model, batch: Batch, _degradation: Degradation, /) -> Tensor:
        """The loss of ``model`` on a batch whose target has weights."""
        target, weights = batch.target.chunk(2, dim=1)
        errors = (model(batch.input, batch.base) - target).square() * weights
        return errors.sum() / weights.sum().clamp(min=1)


def away_from_ends(images: Tensor, ends: tuple[float, float]) -> Tensor:
    """1 where none of the pixels around was cut at the ``ends`` of a range, else 0, for images (B, C, H, W).

    There noise has less variance than elsewhere, and a mean. The pixel itself is not looked at: what it has of noise
    must not choose it.
    """
    cut = ((images <= ends[0]) | (images >= ends[1])).to(images.dtype)
    if not bool(cut.any()):
        return torch.ones_like(images)
    side, channels = 2 * REACH + 1, images.shape[1]
    kernel = images.new_ones(channels, 1, side, side)
    kernel[:, :, REACH, REACH] = 0
    return (F.conv2d(cut, kernel, padding=REACH, groups=channels) < 0.5).to(images.dtype)
