"""The noise of a set of noisy images, measured on some of them, or on each where they differ."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError
from dlcli.images.image_set import ImageSet
from dlcli.images.noise.clipping import limits_of
from dlcli.images.noise.colors import correlation_of_channels
from dlcli.images.noise.measure import ChannelNoise, NoiseMeasure, measured_noise
from dlcli.images.noise.patches import LEAST
from dlcli.images.noise.pool import pooled
from dlcli.images.noise.shape import excess_kurtosis
from dlcli.images.normalization import Normalization
from dlcli.networks.data.noise.set_noise import BYTES, SetNoise
from dlcli.networks.data.split import spread
from dlcli.text import counted

MEASURED = 48  # images of a large set; the others are taken to be like them, unless these differ
ALIKE = 1.3  # between the deviations of a tenth of the images and of nine tenths: what measuring them alone makes
ALIKE_CHANNELS = 0.25  # correlation of channels that is one: texture, which is gray, makes up to 0.15
SHAPED = 12  # images by which it is told how peaked the noise is


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
