"""The noise of an image, measured from the image alone: the one estimator of the house."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.images.noise.clipping import limits_of, unclipped
from dlcli.images.noise.correlation import LAGS, is_correlated, smooth_blocks
from dlcli.images.noise.level import Level, level
from dlcli.images.noise.line import Line, growing, levels_by_brightness
from dlcli.images.noise.patches import ENOUGH, LEAST, Patches, patches_of
from dlcli.images.noise.stripes import stripes

Kind = Literal["none", "gaussian", "poisson-gaussian", "correlated"]

PATCHES, FEW_PATCHES = 32_000, 4_000  # of a channel: where the noise is the question, and where it is one of many
JUDGED = 0.6  # steps of the values: less noise than that hides in the rounding
MUCH_SATURATED = 0.5


@dataclass(frozen=True, eq=False)
class ChannelNoise:
    """The noise of one channel, in the data's units.

    ``sigma`` is its standard deviation over the image (root of the mean variance). variance = ``gain`` * brightness +
    ``intercept``; where it doesn't grow with brightness ``gain`` is 0 and ``intercept`` sigma squared. ``offset`` is
    the black level, the brightness without any light, and ``read`` the deviation there.
    ``levels`` are the ranges of brightness that the line goes through. ``autocorrelation`` is at lags 1 to 3, the mean
    of rows and columns; ``rows`` and ``columns`` are the deviations of stripes.
    """

    sigma: float
    gain: float
    intercept: float
    offset: float
    read: float
    levels: tuple[Level, ...]
    autocorrelation: tuple[float, ...]
    extent: int
    rows: float
    columns: float

    def variance(self, brightness: ArrayLike) -> FloatArray:
        """The variance at some brightness, in the data's units; at least that of the darkest range, quartered."""
        line = self.gain * np.asarray(brightness, dtype=np.float64) + self.intercept
        floor = 0.25 * min([one.sigma**2 for one in self.levels], default=self.sigma**2)
        return np.maximum(line, floor)


@dataclass(frozen=True, eq=False)
class NoiseMeasure:
    """The noise of an image, channel by channel; no channels where nothing could be measured.

    ``kind`` is what a training method needs to know: "none" (too little to be judged), "gaussian" (white, of one
    level), "poisson-gaussian" (white, growing with brightness) or "correlated" over ``extent`` pixels.
    ``reliable`` is False where the figures are no more than a hint, and ``why`` says so in words.
    """

    channels: tuple[ChannelNoise, ...]
    kind: Kind
    extent: int
    saturated: float
    reliable: bool
    why: str

    @property
    def white(self) -> bool:
        """Whether the noise is independent from pixel to pixel, as far as can be told."""
        return self.kind != "correlated"

    @property
    def sigma(self) -> float | None:
        """Standard deviation over all channels: the root of their mean variance; None where there is none."""
        return math.sqrt(float(np.mean([c.sigma**2 for c in self.channels]))) if self.channels else None


def measured_noise(pixels: AnyArray, offset: float | None = None) -> NoiseMeasure:
    """The noise of ``pixels`` (H, W, C) of any type, in their own units. Large images are sampled; nothing is raised.

    ``offset`` is the black level where the caller knows it.
    """
    if min(pixels.shape[:2]) < LEAST:
        size = f"{pixels.shape[1]} x {pixels.shape[0]} pixels"
        return _nothing(f"an image of {size} is too small to measure its noise (at least {LEAST} a side)")
    limits = [limits_of(pixels[:, :, c]) for c in range(pixels.shape[2])]
    saturated = float(np.mean([
        ((pixels[:, :, c] <= low) | (pixels[:, :, c] >= high)).mean() for c, (low, high) in enumerate(limits)
    ]))  # fmt: skip
    patches = [patches_of(pixels[:, :, c], PATCHES, ends) for c, ends in enumerate(limits)]
    if not any(map(len, patches)):
        return _nothing("all pixels are the same wherever one looks: there is no noise to measure", saturated)
    left = [unclipped(one, ends) for one, ends in zip(patches, limits, strict=True)]
    firsts = [level(one) for one in left]
    if any(one is None for one in firsts):
        return _nothing("a channel is saturated, or free of noise, wherever one looks: it can't be measured", saturated)
    correlated = sum(map(is_correlated, left)) * 2 > len(left)
    channels = tuple(
        _channel(pixels[:, :, c], left[c], limits[c], offset, correlated=correlated) for c in range(len(left))
    )
    return _judged(channels, pixels, saturated, correlated=correlated)


def noise_level(pixels: AnyArray) -> float | None:
    """The standard deviation of the noise of ``pixels`` (H, W, C), the median over channels; a quick measurement.

    None where there is nothing to measure: sides under 50 pixels, or constant wherever one looks. It is for noise that
    is independent from pixel to pixel; what a camera's JPEG or a denoiser has smoothed counts for less.
    """
    if min(pixels.shape[:2]) < ENOUGH:
        return None
    ends = (0.0, 255.0) if pixels.dtype == np.uint8 else (-math.inf, math.inf)
    found = [level(unclipped(patches_of(pixels[:, :, c], FEW_PATCHES, ends), ends)) for c in range(pixels.shape[2])]
    sigmas = [one.sigma for one in found if one is not None]
    return float(np.median(sigmas)) if sigmas else None


def _channel(
    channel: AnyArray, patches: Patches, limits: tuple[float, float], offset: float | None, *, correlated: bool
) -> ChannelNoise:
    blocks = smooth_blocks(channel, limits, white=not correlated)
    overall = level(patches)
    assert overall is not None
    if correlated and blocks is not None:
        levels = blocks.levels
        overall_sigma = math.sqrt(float(np.mean([one.sigma**2 for one in levels])))
    else:
        levels, overall_sigma = levels_by_brightness(patches), overall.sigma
    brightness = _sample(channel)
    line = growing(levels)
    if line is None:
        line, sigma = Line(0.0, overall_sigma**2, 0.0), overall_sigma
    else:
        floor = 0.25 * min(one.sigma**2 for one in levels)
        sigma = math.sqrt(float(np.maximum(line.variance(brightness), floor).mean()))
    rounding = _step(channel) ** 2 / 12
    if sigma**2 > 2 * rounding:
        sigma, line = math.sqrt(sigma**2 - rounding), Line(line.gain, line.intercept - rounding, line.gain_error)
    black = black_level(line, offset)
    rows, columns = stripes(channel, sigma)
    return ChannelNoise(
        sigma=sigma,
        gain=line.gain,
        intercept=line.intercept,
        offset=black,
        read=read_noise(line, black),
        levels=tuple(levels),
        autocorrelation=tuple(blocks.autocorrelation[:LAGS].tolist()) if blocks is not None else (),
        extent=blocks.extent if correlated and blocks is not None else 0,
        rows=rows,
        columns=columns,
    )


def black_level(line: Line, offset: float | None) -> float:
    """The black level: as given; else 0, or where the line says less than no noise there, where it says none."""
    if offset is not None:
        return offset
    return 0.0 if line.intercept >= 0 or line.gain <= 0 else -line.intercept / line.gain


def read_noise(line: Line, black: float) -> float:
    """The standard deviation at the black level."""
    return math.sqrt(max(line.gain * black + line.intercept, 0.0))


def _sample(channel: AnyArray) -> FloatArray:
    """The brightness of some of the pixels, each the mean of four."""
    step = max(2, int(np.sqrt(channel.size / 100_000)) // 2 * 2)
    height, width = (side // 2 * 2 for side in channel.shape)
    quads = [channel[a:height:step, b:width:step].astype(np.float64) for a in (0, 1) for b in (0, 1)]
    mean: FloatArray = np.mean(quads, axis=0)
    return mean[np.isfinite(mean)]


def _step(channel: AnyArray) -> float:
    """Between two values that whole numbers can have here: 1, or more where a range was stretched; 0 for floats."""
    if channel.dtype.kind not in "iu":
        return 0.0
    values = np.unique(channel[:: max(1, channel.shape[0] // 256), :: max(1, channel.shape[1] // 256)])
    return float(np.gcd.reduce(np.diff(values.astype(np.int64)))) if len(values) > 1 else 1.0


def _judged(
    channels: tuple[ChannelNoise, ...], pixels: AnyArray, saturated: float, *, correlated: bool
) -> NoiseMeasure:
    step = max(_step(pixels[:, :, c]) for c in range(pixels.shape[2]))
    sigma = math.sqrt(float(np.mean([c.sigma**2 for c in channels])))
    extent = max(c.extent for c in channels)
    if step and sigma < JUDGED * step:
        why = f"the noise, about {sigma:.2g}, hides in the rounding to steps of {step:g}"
        return NoiseMeasure(channels, "none", 0, saturated, False, why)
    if correlated:
        return NoiseMeasure(channels, "correlated", max(extent, 1), saturated, saturated < MUCH_SATURATED, "")
    kind: Kind = "poisson-gaussian" if any(c.gain > 0 for c in channels) else "gaussian"
    why = f"{saturated:.0%} of the pixels are saturated" if saturated >= MUCH_SATURATED else ""
    if min(pixels.shape[:2]) < ENOUGH:
        why = f"{pixels.shape[1]} x {pixels.shape[0]} pixels are few to measure noise on: a hint"
    return NoiseMeasure(channels, kind, 0, saturated, not why, why)


def _nothing(why: str, saturated: float = 0.0) -> NoiseMeasure:
    return NoiseMeasure((), "none", 0, saturated, False, why)
