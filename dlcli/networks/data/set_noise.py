"""The noise of a set of noisy images that are to be trained on: as it is given, or as it is measured."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dlcli.config.train_deconv import Method
from dlcli.degradations.lines import DARKEST, correlated
from dlcli.degradations.noise import smoothed
from dlcli.degradations.task import COLORS, CORRELATION, GAIN, INTERCEPT
from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.images.noise.clipping import limits_of, share_left
from dlcli.images.noise.colors import correlation_of_channels
from dlcli.images.noise.measure import ChannelNoise, NoiseMeasure, measured_noise
from dlcli.images.noise.patches import LEAST
from dlcli.images.noise.pool import pooled
from dlcli.images.noise.shape import excess_kurtosis
from dlcli.images.normalization import Normalization
from dlcli.networks.data.censored import uncut
from dlcli.networks.data.split import spread
from dlcli.text import counted

MEASURED = 48  # images of a large set; the others are taken to be like them, unless these differ
ALIKE = 1.3  # between the deviations of a tenth of the images and of nine tenths: what measuring them alone makes
ALIKE_CHANNELS = 0.25  # correlation of channels that is one: texture, which is gray, makes up to 0.15
LESS, MORE = 0.9, 1.25  # of the noise that images have, and get more of in training
NEAR = 3  # pixels around one whose mean tells how near to the ends of the range it lies
ENDS = torch.from_numpy(share_left(np.linspace(0, 4, 81))).float().clamp(min=0.02)  # left by 0 to 4 deviations
SHAPED = 12  # images by which it is told how peaked the noise is
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


def noise_of(images: ImageSet, scale: Normalization) -> SetNoise:
    """As measured. Raises DlcliError where there is nothing to measure."""
    some = spread(len(images), MEASURED)
    found = {i: one for i in some if (one := _measured(images, i)) is not None}
    if not found:
        why = measured_noise(images.pixels(some[0])).why or "there is none that can be told from their rounding"
        raise DlcliError(
            f"the noise of {counted(len(some), 'image')} can't be measured: {why}",
            "name it: --sigma for Gaussian noise, --poisson for photons",
        )
    measured = list(found.values())
    known = {i: _on_scale(one, scale) for i, one in found.items()}
    correlation = _common([one.correlation for one in known.values()])
    together = _on_scale(pooled(measured), scale)
    extent = round(float(np.median([one.extent for one in measured if not one.white]))) if correlation else 0
    few = list(found)[:: -(-len(found) // SHAPED)]
    kind = "correlated" if correlation else "growing with brightness" if together.gain.max() > 0 else "white"
    # What each image has beside what the line says of one so bright.
    expected = {i: together.of_image(images.pixels(i), scale) for i in known}
    low, high = np.quantile([one.sigma / expected[i] for i, one in known.items()], (0.1, 0.9))
    if high <= ALIKE * low:
        sigmas = np.array(list(expected.values()))
        least, most = (f"{scale.noise(end * 255):.3g}" for end in (sigmas.min(), sigmas.max()))
        note = (
            f"noise measured on {counted(len(known), 'image')}: sigma {least}{'' if least == most else f' to {most}'}"
        )
        return SetNoise(
            together.gain[None], together.intercept[None], sigmas, correlation, f"{note}, {kind}",
            ends_of(images, few, scale), _kurtosis(images, few), extent, colors=_colors(images, list(found)),
        )  # fmt: skip
    each = [known.get(i) or _remeasured(images, i, scale) or together for i in range(len(images))]
    least, most = (f"{scale.noise(255 * end(one.sigma for one in each)):.3g}" for end in (min, max))
    return SetNoise(
        np.stack([one.gain for one in each]), np.stack([one.intercept for one in each]),
        np.array([one.sigma for one in each]), correlation,
        f"noise measured on each of {counted(len(each), 'image')}: sigma {least} to {most}, {kind}",
        ends_of(images, few, scale), _kurtosis(images, few), extent, colors=_colors(images, list(found)),
    )  # fmt: skip


def ends_of(images: ImageSet, numbers: Sequence[int], scale: Normalization) -> tuple[float, float]:
    """Where values were cut in most of these images, on the network's scale; infinite where they weren't."""
    if scale.eight_bit:
        return BYTES
    pairs = [limits_of(images.pixels(i)[:, :, 0]) for i in numbers]
    low, high = (sorted(ends)[len(ends) // 2] for ends in zip(*pairs, strict=True))
    return (low - scale.low[0]) / scale.spans[0], (high - scale.low[0]) / scale.spans[0]


def _kurtosis(images: ImageSet, numbers: Sequence[int]) -> float:
    """The middle one of these images; 0 where it can't be told."""
    found = []
    for number in numbers:
        channel = images.pixels(number)[:, :, 0]
        one = excess_kurtosis(channel, limits_of(channel)) if min(channel.shape) >= LEAST else None
        found += [] if one is None else [one]
    return float(np.median(found)) if found else 0.0


@dataclass(frozen=True, eq=False)
class _Image:
    """One image's noise on the network's scale: (C,) each."""

    gain: FloatArray
    intercept: FloatArray
    sigma: float
    correlation: tuple[float, ...]

    def of_image(self, pixels: AnyArray, scale: Normalization) -> float:
        """The deviation that the line says of these pixels (H, W, C), in all."""
        if not self.gain.any():
            return self.sigma
        return line_level(self.gain, self.intercept, pixels, scale)


def line_level(gain: FloatArray, intercept: FloatArray, pixels: AnyArray, scale: Normalization) -> float:
    """What a line of each channel (C,), on the network's scale, says of the deviation of pixels (H, W, C), in all."""
    means = (pixels.mean(axis=(0, 1), dtype=np.float64) - np.array(scale.low)) / np.array(scale.spans)
    return math.sqrt(max(float(np.mean(gain * means + intercept)), 1e-12))


def _measured(images: ImageSet, number: int) -> NoiseMeasure | None:
    found = measured_noise(images.pixels(number))
    return None if found.kind == "none" else found


def _remeasured(images: ImageSet, number: int, scale: Normalization) -> _Image | None:
    found = _measured(images, number)
    return None if found is None else _on_scale(found, scale)


def _on_scale(found: NoiseMeasure, scale: Normalization) -> _Image:
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


def _common(each: list[tuple[float, ...]]) -> tuple[float, ...]:
    """That of most images."""
    having = [one for one in each if one]
    return tuple(np.median(having, axis=0).tolist()) if 2 * len(having) > len(each) else ()
