"""The noise of a set of noisy images that are to be trained on: as it is given, or as it is measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.lines import DARKEST, correlated
from dlcli.degradations.noise import smoothed
from dlcli.degradations.task import COLORS, CORRELATION, GAIN, INTERCEPT
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.images.noise.clipping import share_left
from dlcli.images.noise.colors import correlation_of_channels
from dlcli.images.noise.measure import ChannelNoise, measured_noise
from dlcli.images.normalization import Normalization
from dlcli.networks.data.split import spread
from dlcli.text import counted

MEASURED = 48  # images of a large set; the others are taken to be like them, unless these differ
ALIKE = 1.3  # between the deviations of a tenth of the images and of nine tenths: what measuring them alone makes
ALIKE_CHANNELS = 0.25  # correlation of channels that is one: texture, which is gray, makes up to 0.15
LESS, MORE = 0.9, 1.25  # of the noise that images have, and get more of in training
NEAR = 3  # pixels around one whose mean tells how near to the ends of the range it lies
ENDS = torch.from_numpy(share_left(np.linspace(0, 4, 81))).float().clamp(min=0.02)  # left by 0 to 4 deviations


@dataclass(frozen=True, eq=False)
class SetNoise:
    """variance = ``gain`` * brightness + ``intercept`` of each image and channel, (N, C) or (1, C) where all are alike.

    All on the scale on which the network sees the images. ``correlation`` is that of neighbors along rows and columns,
    from lag 1 on, () for white noise; ``colors`` (C, C) is that of the channels, where they are alike. ``sigmas`` (N,)
    are the deviations, of all pixels. ``clipped``: values beyond 0 and 1 were cut, as 8 bits cut them.
    """

    gain: FloatArray
    intercept: FloatArray
    sigmas: FloatArray
    correlation: tuple[float, ...] = ()
    note: str = ""
    clipped: bool = False
    colors: FloatArray | None = None

    @property
    def range_255(self) -> tuple[float, float]:
        """The least and the largest deviation that a network learns of, where the range of the images is 255."""
        low, high = float(self.sigmas.min() * 255), float(self.sigmas.max() * 255)
        return LESS * low, min(MORE * high, 255.0)

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

        Where values were cut it is what is left. With more, what is learned would be to turn noise around there: to
        take more away than there is is what the estimate, and pairs with too much noise, reward.
        """
        found = self._uncut(images, numbers)
        return found * _left(images, found.sqrt()) if self.clipped else found

    def _uncut(self, images: Tensor, numbers: list[int]) -> Tensor:
        places = numbers if len(self.gain) > 1 else [0] * len(numbers)
        gain, intercept = (
            torch.tensor(part[places], dtype=images.dtype, device=images.device)[:, :, None, None]
            for part in (self.gain, self.intercept)
        )
        middle = (gain * images.mean((2, 3), keepdim=True) + intercept).clamp(min=1e-12)
        return torch.maximum(gain * images + intercept, DARKEST * middle)

    def draw(self, images: Tensor, numbers: list[int], generator: torch.Generator) -> Tensor:
        """Noise like that of these images, (B, C, H, W)."""
        white = torch.randn(images.shape, generator=generator, device=generator.device).to(images.device)
        if self.correlation:
            white = correlated(white, self.correlation)
        return white * self.variance(images, numbers).sqrt()


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
    return SetNoise(gains, intercepts, np.array([deviation]), clipped=clipped)


def noise_of(images: ImageSet, scale: Normalization) -> SetNoise:
    """As measured. Raises DlcliError where there is nothing to measure."""
    some = spread(len(images), MEASURED)
    found = {i: one for i in some if (one := _measured(images, i, scale)) is not None}
    if not found:
        why = measured_noise(images.pixels(some[0])).why or "there is none that can be told from their rounding"
        raise DlcliError(
            f"the noise of {counted(len(some), 'image')} can't be measured: {why}",
            "name it: --sigma for Gaussian noise, --poisson for photons",
        )
    known = list(found.values())
    correlation = _common([one.correlation for one in known])
    kind = "correlated" if correlation else "growing with brightness" if _grow(known) else "white"
    low, high = np.quantile([one.sigma for one in known], (0.1, 0.9))
    if high <= ALIKE * low:
        each = [_middle(known)]
        note = f"noise measured on {counted(len(known), 'image')}: sigma {scale.noise(each[0].sigma * 255):.3g}, {kind}"
    else:
        middle = _middle(known)
        each = [found.get(i) or _measured(images, i, scale) or middle for i in range(len(images))]
        least, most = (scale.noise(255 * end(one.sigma for one in each)) for end in (min, max))
        note = f"noise measured on each of {counted(len(each), 'image')}: sigma {least:.3g} to {most:.3g}, {kind}"
    return SetNoise(
        np.stack([one.gain for one in each]), np.stack([one.intercept for one in each]),
        np.array([one.sigma for one in each]), correlation, note, images.dtype == np.uint8,
        _colors(images, list(found)),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Image:
    """One image's noise on the network's scale: (C,) each."""

    gain: FloatArray
    intercept: FloatArray
    sigma: float
    correlation: tuple[float, ...]


def _middle(images: list[_Image]) -> _Image:
    gain, intercept = (np.median([getattr(one, name) for one in images], axis=0) for name in ("gain", "intercept"))
    return _Image(gain, intercept, float(np.median([one.sigma for one in images])), ())


def _measured(images: ImageSet, number: int, scale: Normalization) -> _Image | None:
    found = measured_noise(images.pixels(number))
    if found.kind == "none":
        return None
    channels = len(found.channels)
    lows, spans = (list(part) * channels if len(part) == 1 else list(part) for part in (scale.low, scale.spans))
    lines = [line_of(one, low, span) for one, low, span in zip(found.channels, lows, spans, strict=False)]
    sigma = math.sqrt(float(np.mean([(c.sigma / span) ** 2 for c, span in zip(found.channels, spans, strict=False)])))
    seen = [] if found.white else [one.autocorrelation for one in found.channels if one.autocorrelation]
    correlation = tuple(np.mean(seen, axis=0).tolist()) if seen else ()
    return _Image(np.array([one[0] for one in lines]), np.array([one[1] for one in lines]), sigma, correlation)


def _colors(images: ImageSet, numbers: list[int]) -> FloatArray | None:
    """How alike the noise of the channels is in most images; None where it isn't."""
    if images.channels == 1:
        return None
    found: FloatArray = np.median([correlation_of_channels(images.pixels(i)) for i in numbers], axis=0)
    apart = found[~np.eye(len(found), dtype=bool)]
    return found if apart.max() >= ALIKE_CHANNELS else None


def line_of(channel: ChannelNoise, low: float, span: float) -> tuple[float, float]:
    """Gain and intercept where values are from ``low`` on, and ``span`` wide, as the network sees them."""
    return channel.gain / span, (channel.gain * low + channel.intercept) / span**2


def _grow(images: list[_Image]) -> bool:
    return bool(np.median([float(one.gain.max()) for one in images]) > 0)


def _common(each: list[tuple[float, ...]]) -> tuple[float, ...]:
    """That of most images."""
    having = [one for one in each if one]
    return tuple(np.median(having, axis=0).tolist()) if 2 * len(having) > len(each) else ()
