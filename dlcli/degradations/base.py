"""How clean images become the inputs of a restoration network: what all degradations share, and noise.

Images are float32 (B, C, H, W), most of it in [0, 1], on any device. Noise levels take that range for 0 to 255.
The others are in blur.py, downsample.py and mask.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.degradations.rows import CleanRows, Rows

Kernel = NDArray[np.float64]
Mask = NDArray[np.bool_]


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

    @property
    def scale(self) -> int:
        """How many times smaller an observed image is than the clean one."""

    @property
    def kernels(self) -> Sequence[Kernel]:
        """The blur kernels, of which one blurs an image."""

    @property
    def mask(self) -> Mask | None:
        """Where pixels are missing in every image, (H, W)."""

    @property
    def needs_mask(self) -> bool:
        """Whether it must be told which pixels of an observed image are missing."""

    @property
    def reach(self) -> int | None:
        """How far around a pixel ``prepare`` looks, in pixels of the observed image; None: over all of it."""

    @property
    def level(self) -> float | None:
        """Deviation of the noise, for one of the ``levels``."""

    @property
    def blurred_by(self) -> str | None:
        """What the blur is called, for one of the ``levels`` of a range of blurs."""

    @property
    def quality(self) -> int | None:
        """That of the JPEG which images are compressed to, for one of the ``levels``."""

    @property
    def by_processor(self) -> bool:
        """Whether ``observe`` takes processor time, wherever the images are."""

    @property
    def noise(self) -> float:
        """Deviation of the noise that the simple estimate is made for; 0 where it is made for none."""

    def levels(self) -> "Sequence[Degradation]":
        """What to measure with: for a range of noise or blurs its middle and those of its outer thirds, else itself."""

    def at_sigma(self, sigma: float, weights: tuple[float, ...] = (), /) -> "Degradation | None":
        """The same with Gaussian noise of this deviation, times each channel's weight; None where there is none."""

    def input_channels(self, channels: int) -> int:
        """Channels of Observation.input for images of ``channels`` channels."""

    def observe(self, clean: Tensor, generator: torch.Generator, /) -> Observation:
        """Degrade clean images (B, C, H, W), each by its own draw, and prepare them for the network."""

    def observed_rows(self, clean: CleanRows, generator: torch.Generator, /) -> Rows:
        """What ``observe`` shows of one image, by rows that are asked for one after another from the top; it is the
        input and the base, too. Only where ``reach`` says how far ``prepare`` looks.
        """

    def prepare(self, observed: Tensor) -> Observation:
        """Prepare really degraded images (B, C, h, w) for the network."""

    def prepare_known(self, observed: Tensor, kernel: int, mask: Mask | None, /) -> Observation:
        """``prepare``, told which of the ``kernels`` blurred the images, and which pixels are missing, (H, W)."""


class Common:
    """What most degradations answer."""

    needs_mask: ClassVar[bool] = False
    reach: ClassVar[int | None] = None
    by_processor: ClassVar[bool] = False
    blurred_by: str | None = None

    @property
    def quality(self) -> int | None:
        """None: there is no JPEG."""
        return None

    @property
    def level(self) -> float | None:
        """None: there is one level, which is not named."""
        return None

    @property
    def noise(self) -> float:
        """The estimate doesn't depend on the noise."""
        return 0.0

    def levels(self: Degradation) -> Sequence[Degradation]:
        """This alone."""
        return [self]

    def at_sigma(self, _sigma: float, _weights: tuple[float, ...] = ()) -> Degradation | None:
        """There is no Gaussian noise."""
        return None

    def observed_rows(self, _clean: CleanRows, _generator: torch.Generator) -> Rows:
        """A row depends on all others."""
        raise NotImplementedError

    def prepare_known(self: Degradation, observed: Tensor, _kernel: int, _mask: Mask | None) -> Observation:
        """``prepare``, as there are no kernels and no mask."""
        return self.prepare(observed)


class SameChannels(Common):
    """A degradation whose observed image is itself the input, the base and what is shown."""

    margin: ClassVar[int] = 0
    multiple: ClassVar[int] = 1
    scale: ClassVar[int] = 1
    reach: ClassVar[int | None] = 0
    kernels: ClassVar[Sequence[Kernel]] = ()
    mask: ClassVar[Mask | None] = None

    def input_channels(self, channels: int) -> int:
        """The image's own channels."""
        return channels

    def prepare(self, observed: Tensor) -> Observation:
        """The observed image (B, C, H, W), as it is."""
        return Observation(observed, observed, observed)


@dataclass(frozen=True)
class Identity(SameChannels):
    """No degradation: for reconstruction, and for pairs whose input was degraded elsewhere."""

    def observe(self, clean: Tensor, _generator: torch.Generator) -> Observation:
        """The image itself."""
        return self.prepare(clean)

    def observed_rows(self, clean: CleanRows, _generator: torch.Generator) -> Rows:
        """The image's own."""
        return clean.of
