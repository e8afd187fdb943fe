"""Batches of noisy images alone, for noise that neighbors share: the network learns pixels that it isn't shown.

Noise2Void (Krull et al. 2019) for noise with structure (Broaddus et al. 2020): some pixels, with all around them whose
noise is correlated with theirs, are replaced, and the network is held to what was there. As it can't know the noise, it
learns the clean image.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dlcli.images.crops import CropSampler
from dlcli.images.normalization import Normalization
from dlcli.networks.data.batch import Batch
from dlcli.networks.tensors import normalized_
from dlcli.networks.training.batches import as_floats, crops_on, generator_for
from dlcli.networks.training.noisy.weighted import with_weights

APART, AROUND = 4, 2  # pixels between spots, and from a spot to what replaces it, for each pixel of extent and one more


class BlindSpotBatches:
    """Crops with spots replaced, and what was in the middle of each; ``extent`` is how far the noise is correlated."""

    def __init__(self, sampler: CropSampler, extent: int, device: str, seed: int, scale: Normalization) -> None:
        self.sampler, self.extent, self.device, self.seed, self.scale = sampler, extent, device, seed, scale
        self._crops = crops_on(sampler, device)

    def __call__(self, step: int, size: int) -> Batch:
        """Batch ``step``; the same numbers give the same batch."""
        y = normalized_(as_floats(self._crops.batch(step, size)[0], torch.channels_last), self.scale)
        generator = generator_for(self.seed, step, self.device)
        middles = spots(y, APART * (self.extent + 1), generator)
        side = 2 * self.extent + 1
        hidden = F.max_pool2d(middles, side, 1, self.extent) if self.extent else middles
        # From the image itself, at some distance: noise and detail of the image's own kind.
        seen = torch.where(hidden > 0, moved_a_little(y, self.extent, generator), y)
        return Batch(seen, seen, with_weights(y, middles.expand_as(y)))


def spots(images: Tensor, apart: int, generator: torch.Generator) -> Tensor:
    """1 at one pixel by chance of each square of ``apart`` pixels a side, else 0, (B, 1, H, W)."""
    count, _, height, width = images.shape
    down, right = -(-height // apart), -(-width // apart)
    place = torch.randint(apart * apart, (count, 1, down, right), generator=generator, device=generator.device)
    chosen = F.one_hot(place, apart * apart).view(count, down, right, apart, apart).transpose(2, 3)
    marks = chosen.reshape(count, 1, down * apart, right * apart)[..., :height, :width]
    return marks.to(images)


def moved_a_little(images: Tensor, extent: int, generator: torch.Generator) -> Tensor:
    """Each of ``images`` moved by chance, farther than its noise is correlated."""
    reach = AROUND * (extent + 1)
    moved = []
    for image in images:
        while True:
            down, right = (
                torch.randint(-reach, reach + 1, (2,), generator=generator, device=generator.device)
            ).tolist()
            if max(abs(down), abs(right)) > extent:
                break
        moved.append(image.roll((down, right), (-2, -1)))
    return torch.stack(moved)
