"""Noise: Gaussian of one or several strengths, Poisson noise of counted photons, and both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from dlcli.degradations.base import Degradation, Observation, SameChannels
from dlcli.degradations.rows import CleanRows, NormalRows, PoissonRows, Rows
from dlcli.errors import DlcliError

MAX_SIGMA = 255.0
LEVELS = 3  # of a range of noise, that are measured
# Of a network that is told the level. The mean squared error that a good one leaves grows about as the level and this:
# levels are drawn in inverse proportion to that, so that each counts as much as any other.
EVEN = 10.0
# A network is told the deviation at the mean of so many pixels around one: a pixel's own noise says nothing of it.
# Set12 with 60 photons and sigma 5, a network of 0:75: 28.97 dB with one level, 29.52 by pixels alone, 29.59 by 5 x 5.
SEEN = 2
AT_A_TIME = 1 << 20  # values that are drawn to learn where those of another channel begin


@dataclass(frozen=True)
class Denoise(SameChannels):
    """Gaussian noise, not clipped, of a deviation drawn uniformly from low..high for each image (0-255 scale).

    ``weights`` multiply it, one for each channel, where there are some. ``told``: the network's input has the deviation
    as one more channel, as a share of the range of the images (a noise level map: Zhang, Zuo & Zhang 2018), and low
    levels are drawn more often. Raises DlcliError for a range that is not 0 <= low <= high <= 255.
    """

    low: float
    high: float
    weights: tuple[float, ...] = ()
    told: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= MAX_SIGMA:
            raise DlcliError(
                f"noise sigma {self.low:g}..{self.high:g} is not a range within 0..{MAX_SIGMA:g}",
                "give sigma on the 0-255 scale, the smaller first, such as 25 or 5..50",
            )

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Clean images (B, C, H, W) plus noise."""
        sigma = self._deviation(len(clean), generator, clean.device)
        noisy = self.noisy(clean, sigma, generator)
        if not self.told:
            return Observation(noisy, noisy, noisy)
        return Observation(with_level(noisy, self.told_of(noisy, clean, sigma)), noisy, noisy)

    def noisy(self, clean: Tensor, sigma: float | Tensor, generator: torch.Generator) -> Tensor:
        """Clean images with noise of this deviation, a number or (B, 1, 1, 1)."""
        return add_noise(clean, weighted(sigma, self.weights, clean.device), generator)

    def told_of(self, _noisy: Tensor, _clean: Tensor | None, sigma: float | Tensor) -> float | Tensor:
        """What a network that is told the noise hears of it; ``clean`` None where nobody knows it."""
        return sigma

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Clean rows plus the noise that they have in the whole image."""
        return self.added(clean, self._deviation(1, generator, generator.device), generator)

    def added(self, clean: CleanRows, sigma: float | Tensor, generator: torch.Generator) -> Rows:
        """Gaussian noise of deviation ``sigma`` on clean rows."""
        sigma = weighted(sigma, self.weights, generator.device)
        draws = NormalRows(clean.shape, generator)

        def noisy(rows: slice) -> Tensor:
            image = clean.of(rows)
            deviation = sigma.to(image.device) if isinstance(sigma, Tensor) else sigma
            return draws.take(rows.stop - rows.start).to(image.device).mul_(deviation).add_(image)

        return noisy

    def _deviation(self, count: int, generator: torch.Generator, device: torch.device) -> float | Tensor:
        """That of ``count`` images, drawn where there is a range."""
        if self.low == self.high:
            return self.low / 255
        draw = torch.rand((count, 1, 1, 1), generator=generator, device=generator.device).to(device)
        if self._even:
            return ((self.low + EVEN) * ((self.high + EVEN) / (self.low + EVEN)) ** draw - EVEN) / 255
        return (self.low + (self.high - self.low) * draw) / 255

    @property
    def _even(self) -> bool:
        """Whether low levels are drawn more often."""
        return self.told

    def input_channels(self, channels: int) -> int:
        """The image's own, and that of the noise level where the network is told."""
        return channels + self.told

    def prepare(self, observed: Tensor) -> Observation:
        """The observed image (B, C, H, W), with the level where the network is told. Raises ValueError for a range."""
        if not self.told:
            return Observation(observed, observed, observed)
        if self.low != self.high:
            raise ValueError(f"the noise is one of {self.low:g}..{self.high:g}: at_sigma says which")
        level = self.told_of(observed, None, self.low / 255)
        return Observation(with_level(observed, level), observed, observed)

    @property
    def level(self) -> float:
        """The least deviation, which is the only one for one of the ``levels``."""
        return self.low

    def levels(self) -> Sequence[Degradation]:
        """For a range its middle and those of its outer thirds, so that all count as often."""
        return self.each()

    def each(self) -> "list[Denoise]":
        """These levels."""
        if self.low == self.high:
            return [self]
        width = (self.high - self.low) / LEVELS
        middles = [self.low + (place + 0.5) * width for place in range(LEVELS)]
        return [replace(self, low=sigma, high=sigma) for sigma in middles]

    def middle(self) -> "Denoise":
        """The noise in the middle of the range."""
        sigma = (self.low + self.high) / 2
        return replace(self, low=sigma, high=sigma)

    def at_sigma(self, sigma: float, weights: tuple[float, ...] = ()) -> Degradation:
        """This noise alone."""
        return replace(self, low=sigma, high=sigma, weights=weights)


@dataclass(frozen=True)
class Poisson(SameChannels):
    """Photon noise: Poisson(image * peak) / peak, where ``peak`` is the mean count of a white pixel.

    Raises DlcliError for a peak that is not a positive finite number.
    """

    peak: float

    def __post_init__(self) -> None:
        if not 0 < self.peak < float("inf"):
            raise DlcliError(
                f"peak {self.peak:g} is not a positive number of photons",
                "give the mean count of a white pixel, such as 30",
            )

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Clean images (B, C, H, W) seen with few photons; negative values count as black."""
        rate = (clean.clamp(min=0) * self.peak).to(generator.device)
        return self.prepare((torch.poisson(rate, generator=generator) / self.peak).to(clean.device))

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Clean rows with the photons that they have in the whole image."""
        return self.counted(clean, generator)

    def counted(self, clean: CleanRows, generator: torch.Generator, *, to_end: bool = False) -> Rows:
        """The photons of clean rows; ``to_end``: the generator is then where it is after the whole image."""
        channels, _, width = clean.shape

        def rates(rows: slice) -> Tensor:
            return clean.of(rows).clamp(min=0) * self.peak

        step = max(AT_A_TIME // (channels * width), 1)
        draws = PoissonRows(CleanRows(clean.shape, rates), generator, step, to_end=to_end)

        def photons(rows: slice) -> Tensor:
            rate = rates(rows)
            return (draws.of(rate) / self.peak).to(rate.device)

        return photons


@dataclass(frozen=True)
class PoissonGaussian(Denoise):
    """Photon noise and then Gaussian noise of the reading: variance = brightness / ``peak`` + sigma^2.

    ``peak`` is the mean count of a white pixel. ``told``: the network's input has the deviation of each pixel, by the
    noisy image, as one more channel. Raises DlcliError for a bad range or peak.
    """

    peak: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        Poisson(self.peak)

    def noisy(self, clean: Tensor, sigma: float | Tensor, generator: torch.Generator) -> Tensor:
        """Photons of clean images, counted and read."""
        return super().noisy(Poisson(self.peak).observe(clean, generator).shown, sigma, generator)

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Clean rows with the photons and the noise that they have in the whole image."""
        sigma = self._deviation(1, generator, generator.device)
        counted = Poisson(self.peak).counted(clean, generator, to_end=True)
        return self.added(CleanRows(clean.shape, counted), sigma, generator)

    def told_of(self, noisy: Tensor, _clean: Tensor | None, sigma: float | Tensor) -> Tensor:
        """The deviation of each pixel, (B, 1, H, W)."""
        read = weighted(sigma, self.weights, noisy.device)
        variance = smoothed(noisy).clamp(min=0) / self.peak + (read.square() if isinstance(read, Tensor) else read**2)
        return variance.mean(1, keepdim=True).sqrt()


def weighted(sigma: float | Tensor, weights: tuple[float, ...], device: torch.device) -> float | Tensor:
    """A deviation times each channel's weight, (1, C, 1, 1), where there are some."""
    return sigma * torch.tensor(weights, device=device).view(1, -1, 1, 1) if weights else sigma


def smoothed(images: Tensor) -> Tensor:
    """The mean around each pixel of ``images`` (B, C, H, W), which are continued by their borders."""
    around = functional.pad(images, [SEEN] * 4, mode="replicate")
    return functional.avg_pool2d(around, 2 * SEEN + 1, 1)


def with_level(image: Tensor, sigma: float | Tensor) -> Tensor:
    """``image`` (B, C, H, W) and one more channel that is ``sigma``, a number or (B, 1, 1, 1), everywhere."""
    count, channels, height, width = image.shape
    last = image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous()
    order = torch.channels_last if last else torch.contiguous_format
    shape = (count, channels + 1, height, width)
    both = torch.empty(shape, dtype=image.dtype, device=image.device, memory_format=order)
    both[:, :channels] = image
    both[:, channels:] = sigma
    return both


def add_noise(image: Tensor, sigma: float | Tensor, generator: torch.Generator) -> Tensor:
    """``image`` plus Gaussian noise of deviation ``sigma`` (on the image's own scale; a number or (B, 1, 1, 1))."""
    # Drawn where the generator lives: a CPU generator then gives the same noise to every device.
    shape, last = image.shape, image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous()
    # Drawn in the order of the memory, too: the sum takes three times as long where the two differ.
    shape = torch.Size((shape[0], *shape[2:], shape[1])) if last else shape
    noise = torch.randn(shape, generator=generator, device=generator.device, dtype=image.dtype)
    noise = noise.permute(0, 3, 1, 2) if last else noise
    return noise.to(image.device).mul_(sigma).add_(image)
