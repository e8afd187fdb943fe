"""The noise of a set of noisy images that are to be trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dlcli.config.images.options import Method
from dlcli.degradations.lines import DARKEST, correlated
from dlcli.degradations.noise import smoothed
from dlcli.degradations.task import COLORS, CORRELATION, GAIN, INTERCEPT
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.images.noise.clipping import share_left
from dlcli.networks.data.noise.censored import uncut

LESS, MORE = 0.9, 1.25  # of the noise that images have, and get more of in training
NEAR = 3  # pixels around one whose mean tells how near to the ends of the range it lies
ENDS = torch.from_numpy(share_left(np.linspace(0, 4, 81))).float().clamp(min=0.02)  # left by 0 to 4 deviations
FEW_PHOTONS = 200.0  # of a usual pixel, below which they are thinned
UNCUT, BYTES = (-math.inf, math.inf), (0.0, 1.0)  # ends of the range, on the network's scale


@dataclass(frozen=True, eq=False)
class SetNoise:
    """variance = ``gain`` * brightness + ``intercept`` of each image and channel, (N, C) or (1, C) where all are alike.

    All on the scale on which the network sees the images. ``correlation`` is that of neighbors along rows and columns,
    from lag 1 on, () for white noise, and ``extent`` the farthest lag with any; ``colors`` (C, C) is that of the
    channels, where they are alike. ``sigmas`` (N,) are the deviations, of all pixels. Values were cut at the ``ends``.
    ``kurtosis`` is the excess of the noise's, as measured. ``method`` is how a network learns from the images.
    """

    gain: FloatArray
    intercept: FloatArray
    sigmas: FloatArray
    correlation: tuple[float, ...] = ()
    note: str = ""
    ends: tuple[float, float] = UNCUT
    kurtosis: float = 0.0
    extent: int = 0
    method: Method = "recorrupted"
    colors: FloatArray | None = None

    @property
    def range_255(self) -> tuple[float, float]:
        """The least and the largest deviation that a network learns of, where the range of the images is 255."""
        low, high = float(self.sigmas.min() * 255), float(self.sigmas.max() * 255)
        return LESS * low, min(MORE * high, 255.0)

    @property
    def line(self) -> tuple[tuple[float, ...], ...]:
        """gain and intercept of each channel, and the correlation, if any, where they are those of all images."""
        if len(self.gain) > 1:
            return ()
        shared = (tuple(map(float, self.correlation)),) if self.correlation else ()
        return tuple(map(float, self.gain[0])), tuple(map(float, self.intercept[0])), *shared

    def arrays(self) -> dict[str, AnyArray]:
        """As a model holds it."""
        found: dict[str, AnyArray] = {GAIN: self.gain, INTERCEPT: self.intercept}
        if self.correlation:
            found[CORRELATION] = np.array([self.correlation])
        if self.colors is not None:
            found[COLORS] = self.colors
        return {name: array.astype(np.float32) for name, array in found.items()}

    def of(self, numbers: Sequence[int]) -> "SetNoise":
        """That of some of the images."""
        if len(self.gain) == 1:
            return self
        places = list(numbers)
        return replace(self, gain=self.gain[places], intercept=self.intercept[places], sigmas=self.sigmas[places])

    @property
    def by_pixel(self) -> bool:
        """Whether a network is told the noise of each pixel: white noise that grows with brightness."""
        return float(self.gain.max()) > 0 and not self.correlation

    def told(self, images: Tensor, numbers: list[int]) -> Tensor:
        """What a network is told: the deviation before anything was cut, in each image (B, 1, 1, 1).

        Where it is told each pixel's, (B, 1, H, W).
        """
        if self.by_pixel:
            return self._uncut(smoothed(images), numbers).mean(1, keepdim=True).sqrt()
        return self._uncut(images, numbers).mean((1, 2, 3), keepdim=True).sqrt()

    def variance(self, images: Tensor, numbers: list[int]) -> Tensor:
        """Of each pixel of ``images`` (B, C, H, W), which are those of these ``numbers``.

        Where values were cut, and stay so, it is what is left. With more, what is learned would be to turn noise
        around there: to take more away than there is is what the estimate, and pairs with too much noise, reward.
        """
        found = self._uncut(images, numbers).expand(images.shape)
        return found * _left(images, found.sqrt()) if self.clipped and not self.drawn_anew else found

    @property
    def drawn_anew(self) -> bool:
        """Whether values that were cut can be drawn as they may have been (``whole``): where noise is white, normal."""
        return self.clipped and not self.correlation and not self.few_photons

    def whole(self, images: Tensor, numbers: list[int], generator: torch.Generator) -> Tensor:
        """The images with the noise that they had before anything was cut, where it can be drawn; else as they are."""
        if not self.drawn_anew:
            return images
        deviation = self._uncut(smoothed(images), numbers).sqrt()
        return uncut(images, deviation, self.ends, generator)

    def _uncut(self, images: Tensor, numbers: list[int]) -> Tensor:
        gain, intercept = self._lines(images, numbers)
        middle = (gain * images.mean((2, 3), keepdim=True) + intercept).clamp(min=1e-12)
        return torch.maximum(gain * images + intercept, DARKEST * middle)

    @property
    def clipped(self) -> bool:
        """Whether values beyond 0 and 1 were cut, as 8 bits cut them."""
        return self.ends == BYTES

    @property
    def few_photons(self) -> bool:
        """Whether the noise is that of photons that are counted, so few that it is far from normal."""
        if self.correlation or not (self.gain > 0).all():
            return False
        return bool((self.sigmas.max() / self.gain.min()) ** 2 < FEW_PHOTONS)

    @property
    def usual_kurtosis(self) -> float:
        """The excess that counted photons have."""
        if self.correlation or not (self.gain > 0).all():
            return 0.0
        return float((self.gain.max() / self.sigmas.min()) ** 2)

    def draw(
        self, images: Tensor, numbers: list[int], generator: torch.Generator, strength: Tensor | float = 1.0
    ) -> Tensor:
        """Noise like that of these images, (B, C, H, W); of few photons such that ``strength`` times it can be added.

        Counts k are thinned: a share p of them is kept by chance, and what is kept is independent of the rest where
        they are of Poisson's kind. With p = 1 / (1 + strength^2) the kept ones over p are y + strength * noise, and
        the rest over 1 - p are y - noise / strength. Read noise counts as photons of a darker black, as many as have
        its variance.
        """
        if not self.few_photons:
            white = torch.randn(images.shape, generator=generator, device=generator.device).to(images.device)
            if self.correlation:
                white = correlated(white, self.correlation)
            return white * self.variance(images, numbers).sqrt()
        gain, intercept = self._lines(images, numbers)
        share = 1 / (1 + torch.as_tensor(strength, device=images.device) ** 2)
        counts = ((images / gain) + intercept / gain**2).clamp(min=0)
        # Between two whole numbers by chance, so that the mean is right: the gain is known to some percent.
        counts = torch.floor(counts + torch.rand(counts.shape, generator=generator, device=generator.device).to(counts))
        where = generator.device
        kept = torch.binomial(counts.to(where), share.expand_as(counts).to(where), generator=generator)
        return gain * (kept.to(images) - share * counts) / (share * strength)

    def _lines(self, images: Tensor, numbers: list[int]) -> tuple[Tensor, Tensor]:
        """gain and intercept of each, (B, C, 1, 1)."""
        places = numbers if len(self.gain) > 1 else [0] * len(numbers)
        gain, intercept = (
            torch.tensor(part[places], dtype=images.dtype, device=images.device)[:, :, None, None]
            for part in (self.gain, self.intercept)
        )
        return gain, intercept


def _left(images: Tensor, deviation: Tensor) -> Tensor:
    """The share of the variance that the ends of the range leave, by how bright it is around each pixel."""
    side = 2 * NEAR + 1
    around = torch.nn.functional.pad(images, (NEAR,) * 4, mode="replicate")
    around = torch.nn.functional.avg_pool2d(around, side, stride=1)
    table, last = ENDS.to(images), len(ENDS) - 1
    left = torch.ones_like(images)
    for above in (around, 1 - around):
        place = (above / deviation).clamp(0, 4) * (last / 4)
        low = place.long().clamp(max=last - 1)
        left = left * torch.lerp(table[low], table[low + 1], place - low)
    return left


def given_noise(sigma: float | None, peak: float | None, channels: int, *, clipped: bool = False) -> SetNoise:
    """Of all images alike: ``sigma`` takes the range for 255, ``peak`` are the photons of a white pixel."""
    gain, intercept = 0.0 if peak is None else 1 / peak, (sigma or 0.0) ** 2 / 255**2
    deviation = math.sqrt(gain / 2 + intercept)  # of a gray pixel
    gains, intercepts = np.full((1, channels), gain), np.full((1, channels), intercept)
    return SetNoise(gains, intercepts, np.array([deviation]), ends=BYTES if clipped else UNCUT)
