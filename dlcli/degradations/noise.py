"""Noise: Gaussian of one or several strengths, and Poisson noise of counted photons."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dlcli.degradations.base import Degradation, Observation, SameChannels
from dlcli.degradations.rows import CleanRows, NormalRows, PoissonRows, Rows
from dlcli.errors import DlcliError

MAX_SIGMA = 255.0
LEVELS = 3  # of a range of noise, that are measured
# Of a network that is told the level. The mean squared error that a good one leaves grows about as the level and this:
# levels are drawn in inverse proportion to that, so that each counts as much as any other.
EVEN = 10.0
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
        noisy = add_noise(clean, weighted(sigma, self.weights, clean.device), generator)
        return Observation(with_level(noisy, sigma), noisy, noisy) if self.told else self.prepare(noisy)

    def observed_rows(self, clean: CleanRows, generator: torch.Generator) -> Rows:
        """Clean rows plus the noise that they have in the whole image."""
        sigma = weighted(self._deviation(1, generator, generator.device), self.weights, generator.device)
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
        if self.told:
            return ((self.low + EVEN) * ((self.high + EVEN) / (self.low + EVEN)) ** draw - EVEN) / 255
        return (self.low + (self.high - self.low) * draw) / 255

    def input_channels(self, channels: int) -> int:
        """The image's own, and that of the noise level where the network is told."""
        return channels + self.told

    def prepare(self, observed: Tensor) -> Observation:
        """The observed image (B, C, H, W), with the level where the network is told. Raises ValueError for a range."""
        if not self.told:
            return Observation(observed, observed, observed)
        if self.low != self.high:
            raise ValueError(f"the noise is one of {self.low:g}..{self.high:g}: at_sigma says which")
        return Observation(with_level(observed, self.low / 255), observed, observed)

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
        return Denoise(sigma, sigma, weights, self.told)


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
        channels, _, width = clean.shape

        def rates(rows: slice) -> Tensor:
            return clean.of(rows).clamp(min=0) * self.peak

        draws = PoissonRows(CleanRows(clean.shape, rates), generator, max(AT_A_TIME // (channels * width), 1))

        def counted(rows: slice) -> Tensor:
            rate = rates(rows)
            return (draws.of(rate) / self.peak).to(rate.device)

        return counted


def weighted(sigma: float | Tensor, weights: tuple[float, ...], device: torch.device) -> float | Tensor:
    """A deviation times each channel's weight, (1, C, 1, 1), where there are some."""
    return sigma * torch.tensor(weights, device=device).view(1, -1, 1, 1) if weights else sigma


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
