"""How clean images become the inputs of a restoration network: what all degradations share, and noise.

Images are float32 (B, C, H, W) in [0, 1], C 1 or 3, on any device. Noise levels are on the 0-255 scale.
The others are in deblur.py, upscale.py and inpaint.py.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor


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
