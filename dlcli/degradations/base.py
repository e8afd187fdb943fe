"""How clean images become the inputs of a restoration network: what all degradations share, and noise.

Images are float32 (B, C, H, W) in [0, 1], C 1 or 3, on any device. Noise levels are on the 0-255 scale.
The others are in deblur.py, upscale.py and inpaint.py.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from dlcli.errors import DlcliError

MAX_SIGMA = 255.0


@dataclass(frozen=True)
class Observation:
    """What is known of a batch of images, in three forms, all of the clean images' height and width.

    input: (B, C', H, W) what the network is given; C' is the degradation's input_channels(C).
    base: (B, C, H, W) the simple estimate that a residual network adds its output to.
    shown: (B, C, H, W) the degraded image as a person would look at it; the input PSNR is measured on it.
    """

    input: Tensor
    base: Tensor
    shown: Tensor


class Degradation(Protocol):
    """A way to spoil images. All chance comes from the generator: the same seed gives the same bits on the CPU."""

    @property
    def margin(self) -> int:
        """Pixels that a training crop needs in excess on each side, to be cut off afterwards from both images."""

    @property
    def multiple(self) -> int:
        """The clean image's height and width must be multiples of this."""

    def input_channels(self, channels: int) -> int:
        """Channels of Observation.input for images of ``channels`` channels."""

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Degrade clean images (B, C, H, W), each by its own draw, and prepare them for the network."""

    def prepare(self, observed: Tensor) -> Observation:
        """Prepare really degraded images (B, C, h, w) for the network."""


class _SameChannels:
    """A degradation whose observed image is itself the input, the base and what is shown."""

    margin: ClassVar[int] = 0
    multiple: ClassVar[int] = 1

    def input_channels(self, channels: int) -> int:
        """The image's own channels."""
        return channels

    def prepare(self, observed: Tensor) -> Observation:
        """The observed image (B, C, H, W), as it is."""
        return Observation(observed, observed, observed)


@dataclass(frozen=True)
class Identity(_SameChannels):
    """No degradation: for reconstruction, and for pairs whose input was degraded elsewhere."""

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """The image itself."""
        return self.prepare(clean)


@dataclass(frozen=True)
class Denoise(_SameChannels):
    """Gaussian noise, not clipped, of a deviation drawn uniformly from low..high for each image (0-255 scale).

    Raises DlcliError for a range that is not 0 <= low <= high <= 255.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= MAX_SIGMA:
            raise DlcliError(
                f"noise sigma {self.low:g}..{self.high:g} is not a range within 0..{MAX_SIGMA:g}",
                "give sigma on the 0-255 scale, the smaller first, such as 25 or 5..50",
            )

    def observe(self, clean: Tensor, generator: torch.Generator) -> Observation:
        """Clean images (B, C, H, W) plus noise."""
        sigma: float | Tensor = self.low / 255
        if self.low < self.high:
            draw = torch.rand((len(clean), 1, 1, 1), generator=generator, device=generator.device)
            sigma = (self.low + (self.high - self.low) * draw.to(clean.device)) / 255
        return self.prepare(add_noise(clean, sigma, generator))


@dataclass(frozen=True)
class Poisson(_SameChannels):
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


def add_noise(image: Tensor, sigma: float | Tensor, generator: torch.Generator) -> Tensor:
    """``image`` plus Gaussian noise of deviation ``sigma`` (on the image's own scale; a number or (B, 1, 1, 1))."""
    # Drawn where the generator lives: a CPU generator then gives the same noise to every device.
    shape, last = image.shape, image.is_contiguous(memory_format=torch.channels_last) and not image.is_contiguous()
    # Drawn in the order of the memory, too: the sum takes three times as long where the two differ.
    shape = torch.Size((shape[0], *shape[2:], shape[1])) if last else shape
    noise = torch.randn(shape, generator=generator, device=generator.device, dtype=image.dtype)
    noise = noise.permute(0, 3, 1, 2) if last else noise
    return noise.to(image.device).mul_(sigma).add_(image)
