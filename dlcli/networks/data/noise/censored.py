"""Noisy values that were cut at the ends of a range, as 8 bits cut them, drawn anew as they may have been.

A pixel at an end says only that it was at least there (a censored value). Where the clean image is about known, what
it was is noise that is cut off on one side. Drawn from that, noise is normal again, of the deviation that it has
elsewhere and without a mean, as in the imputation step of stochastic EM (Wei & Tanner 1990). What the clean image is
follows from the mean of the pixels around, for which the cutting is undone by the mean of a clipped normal variable
(Foi, "Clipped noisy images", Signal Processing 89(12), 2009).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

REACH = 2  # pixels around one, whose mean tells what it is without noise
LEAST, MOST = -2.5, 4.0  # deviations from an end: beyond it all is cut, and farther inside nothing
TRUE = torch.linspace(LEAST, MOST, 651)
MEANS = TRUE * torch.special.ndtr(TRUE) + torch.exp(-TRUE.square() / 2) / math.sqrt(2 * math.pi)  # clipped at 0
RAREST = 1e-7  # below which float32 has no quantile


def uncut(images: Tensor, deviation: Tensor, ends: tuple[float, float], generator: torch.Generator) -> Tensor:
    """``images`` (B, C, H, W), those of their pixels that are at the ``ends`` as they may have been.

    ``deviation``, of the white and normal noise before it was cut, is broadcast over them.
    """
    low, high = images <= ends[0], images >= ends[1]
    if not bool((low | high).any()):
        return images
    around = F.avg_pool2d(F.pad(images, (REACH,) * 4, mode="replicate"), 2 * REACH + 1, stride=1)
    drawn = torch.rand(images.shape, generator=generator, device=generator.device).to(images.device)
    below = ends[0] + deviation * _beyond((around - ends[0]) / deviation, drawn)
    above = ends[1] - deviation * _beyond((ends[1] - around) / deviation, drawn)
    return torch.where(low, below, torch.where(high, above, images))


def _beyond(mean: Tensor, drawn: Tensor) -> Tensor:
    """A normal variable of deviation 1 where it is below 0, its ``mean`` if clipped there; by uniform ``drawn``."""
    place = torch.searchsorted(MEANS.to(mean), mean.contiguous()).clamp(max=len(TRUE) - 1)
    true = TRUE.to(mean)[place]
    quantile: Tensor = torch.special.ndtri((drawn * torch.special.ndtr(-true)).clamp(min=RAREST))
    return true + quantile
