"""Batches of noisy images alone, for noise that is independent from pixel to pixel and of any kind.

Neighbor2Neighbor (Huang et al., CVPR 2021): of each square of two by two pixels two neighbors are taken by chance, one
into each of two images of half the size. They show nearly the same, with noise of their own, and the network learns to
make one from the other. What differs in what they show is taken off by how much the network's own whole image differs
there.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.degradations.base import Degradation
from dlcli.images.crops import CropSampler
from dlcli.images.normalization import Normalization
from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.base import Model
from dlcli.networks.tensors import normalized_
from dlcli.networks.training.batches import as_floats, crops_on, generator_for

# Pixels of a square, numbered by rows: neighbors, in either order.
NEIGHBORS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 3), (3, 1), (2, 3), (3, 2))
REGULAR = 2.0  # weight of the differences of the differences; the authors' for Gaussian noise


class NeighborBatches:
    """Crops of noisy images, and for each of their squares which neighbors are taken."""

    def __init__(self, sampler: CropSampler, device: str, seed: int, scale: Normalization) -> None:
        self.sampler, self.device, self.seed, self.scale = sampler, device, seed, scale
        self._crops = crops_on(sampler, device)

    def __call__(self, step: int, size: int) -> Batch:
        """Batch ``step``; the same numbers give the same batch."""
        y = normalized_(as_floats(self._crops.batch(step, size)[0], torch.channels_last), self.scale)
        y = y[..., : y.shape[-2] // 2 * 2, : y.shape[-1] // 2 * 2]
        return Batch(y, y, chosen_neighbors(y, generator_for(self.seed, step, self.device)))


def chosen_neighbors(images: Tensor, generator: torch.Generator) -> Tensor:
    """For images (B, C, 2h, 2w) numbers of pairs of ``NEIGHBORS``, (B, 1, h, w)."""
    count, _, height, width = images.shape
    shape = (count, 1, height // 2, width // 2)
    drawn = torch.randint(len(NEIGHBORS), shape, generator=generator, device=generator.device)
    return drawn.to(images.device)


def halves(images: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The two images (B, C, h, w) of images (B, C, 2h, 2w)."""
    count, channels, height, width = images.shape
    squares = F.pixel_unshuffle(images, 2).view(count, channels, 4, height // 2, width // 2)
    pairs = torch.tensor(NEIGHBORS, device=images.device)[chosen]  # (B, 1, h, w, 2)
    first, second = (
        squares.gather(2, place[:, :, None].expand(-1, channels, -1, -1, -1))[:, :, 0] for place in pairs.unbind(-1)
    )
    return first, second


@dataclass(frozen=True)
class NeighborLoss:
    """A ``Loss`` of ``NeighborBatches``."""

    def __call__(self, model: Model, batch: Batch, _degradation: Degradation, /) -> Tensor:
        """Squared errors of one half to the other, and of their difference to that of the whole image's halves."""
        assert batch.base is not None
        first, second = halves(batch.base, batch.target)
        apart = model(first, first) - second
        with torch.no_grad():
            one, two = halves(model(batch.input, batch.base), batch.target)
        return apart.square().mean() + REGULAR * (apart - (one - two)).square().mean()
