"""Noise whose variance is a line of brightness, gain * x + intercept, as it is known or was measured of images."""

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.base import Degradation, Observation, SameChannels
from dlcli.degradations.noise import SEEN, smoothed, with_level
from dlcli.degradations.rows import CleanRows, Rows
from dlcli.engine.arrays import FloatArray

DARKEST = 0.25  # of the variance in the middle of the range: no pixel is taken to have less
LEVELS = 3  # of images that differ, that are measured
MIDDLE = 0.5


@dataclass(frozen=True, eq=False)
class LineNoise(SameChannels):
    """Noise of one of N lines, drawn for each image; ``gain`` and ``intercept`` are (N, C), or (N, 1).

    Both on the scale on which the network sees images. ``correlation`` is that of neighbors along rows and columns,
    from lag 1 on, () for white noise; ``colors`` (C, C) that of channels. ``told``: the network's input has the
    deviation of each pixel as one more channel, kept ``within`` what it learned of.
    """

    gain: FloatArray
    intercept: FloatArray
    correlation: tuple[float, ...] = ()
    told: bool = False
    within: tuple[float, float] = (0.0, math.inf)
    colors: FloatArray | None = None
    reach: ClassVar[int | None] = SEEN

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Clean images (B, C, H, W) plus noise."""
        count = len(clean)
        chosen = torch.zeros(count, dtype=torch.long, device=clean.device)
        if len(self.gain) > 1:
            drawn = torch.rand(count, generator=generator, device=generator.device).to(clean.device)
            chosen = (drawn * len(self.gain)).long()
        white = torch.randn(clean.shape, generator=generator, device=generator.device).to(clean.device)
        noise = correlated(white, self.correlation) if self.correlation else white
        if self.colors is not None and clean.shape[1] == len(self.colors):
            mixed = torch.tensor(_root(self.colors), dtype=noise.dtype, device=noise.device)
            noise = torch.einsum("ij,bjhw->bihw", mixed, noise)
        gain, intercept = (part[chosen] for part in self._lines(clean))
        noisy = clean + noise * variance_of(clean, gain, intercept).sqrt()
        if not self.told:
            return Observation(noisy, noisy, noisy)
        return Observation(with_level(noisy, deviation_at(noisy, gain, intercept)), noisy, noisy)

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Rows of the whole image, which is made at once."""
        whole = self.observe(clean.of(slice(0, clean.shape[1])), generator).shown
        return lambda rows: whole[..., rows, :]

    def input_channels(self, channels: int) -> int:
        """The image's own, and that of the noise level where the network is told."""
        return channels + self.told

    def prepare(self, observed: Tensor) -> Observation:
        """The observed image, with the deviation of each pixel where the network is told.

        Raises ValueError where there is neither one line nor one for each image.
        """
        if not self.told:
            return Observation(observed, observed, observed)
        if len(self.gain) not in (1, len(observed)):
            raise ValueError(f"{len(self.gain)} lines of noise for {len(observed)} images")
        gain, intercept = self._lines(observed)
        level = deviation_at(observed, gain, intercept).clamp(*self.within)
        return Observation(with_level(observed, level), observed, observed)

    @property
    def level(self) -> float:
        """The deviation in the middle of the range, 0 to 255, of the first line."""
        return float(self._deviations()[0])

    def levels(self) -> list[Degradation]:
        """Where images differ, the line in the middle and those of the outer thirds, by the level of their noise."""
        if len(self.gain) <= LEVELS:
            return [replace(self, gain=self.gain[:1], intercept=self.intercept[:1])]
        order = np.argsort(self._deviations())
        chosen = [order[int((place + 0.5) * len(order) / LEVELS)] for place in range(LEVELS)]
        return [replace(self, gain=self.gain[i : i + 1], intercept=self.intercept[i : i + 1]) for i in chosen]

    def _deviations(self) -> FloatArray:
        found: FloatArray = 255 * np.sqrt(np.maximum(MIDDLE * self.gain + self.intercept, 0).mean(1))
        return found

    def _lines(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, 1, 1) each."""
        gain, intercept = (
            torch.tensor(part, dtype=like.dtype, device=like.device)[:, :, None, None]
            for part in (self.gain, self.intercept)
        )
        return gain, intercept


def _root(colors: FloatArray) -> FloatArray:
    """What makes independent channels correlate so; rows have the length 1."""
    values, vectors = np.linalg.eigh(colors)
    root = vectors * np.sqrt(np.maximum(values, 0))
    unit: FloatArray = root / np.linalg.norm(root, axis=1, keepdims=True)
    return unit


def of_level(sigma: float) -> LineNoise:
    """White noise of one deviation, as a share of the range, which the network is told."""
    return LineNoise(np.zeros((1, 1)), np.full((1, 1), sigma**2), told=True)


def variance_of(images: Tensor, gain: Tensor, intercept: Tensor) -> Tensor:
    """Of each pixel of ``images`` (B, C, H, W), by lines that are broadcast to them."""
    least = DARKEST * (MIDDLE * gain + intercept).clamp(min=1e-12)
    return torch.maximum(gain * images + intercept, least)


def deviation_at(noisy: Tensor, gain: Tensor, intercept: Tensor) -> Tensor:
    """What a network is told of each pixel, over all channels, (B, 1, H, W)."""
    return variance_of(smoothed(noisy), gain, intercept).mean(1, keepdim=True).sqrt()


def correlated(white: Tensor, correlation: tuple[float, ...]) -> Tensor:
    """White noise (B, C, H, W) filtered so that neighbors correlate so, with variance 1 as before."""
    lags = torch.tensor([1.0, *correlation], dtype=torch.float64)
    side = 4 * len(lags)
    ring = torch.zeros(side, dtype=torch.float64)
    ring[: len(lags)] = lags
    ring[-len(lags) + 1 :] = lags[1:].flip(0)
    spectrum = torch.fft.rfft(ring).real.clamp(min=0).sqrt()
    kernel = torch.fft.irfft(spectrum, side).roll(side // 2)[1:]
    kernel = (kernel / kernel.square().sum().sqrt()).to(white)
    count, channels, height, width = white.shape
    flat = white.reshape(count * channels, 1, height, width)
    reach = len(kernel) // 2
    flat = torch.nn.functional.pad(flat, (reach, reach, reach, reach), mode="circular")
    flat = torch.nn.functional.conv2d(flat, kernel.view(1, 1, -1, 1))
    return torch.nn.functional.conv2d(flat, kernel.view(1, 1, 1, -1)).reshape(white.shape)
